import { mkdtempSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Decoder } from "../../src/decode/decoder.js";
import { EventCache } from "../../src/event-cache/cache.js";
import { inputsOfCache } from "../../src/event-cache/inputs.js";
import { makeCache } from "../../src/event-cache/make.js";
import { before, cutOf } from "../../src/sources/files/cut.js";
import { inputsFor, sourceOf } from "../../src/sources/source.js";
import type { CompiledSpec, Format } from "../../src/spec/compiled.js";
import { batchesOf, START } from "../../src/train/stream.js";
import { TextFeed } from "../../src/train/text-feed.js";
import { everySpec, rowText, specOf } from "../decode/generate.js";
import fc from "../properties.js";
import { collected, ofCache, ofText, wholeRun } from "./contents.js";

const folder = () => mkdtempSync(join(tmpdir(), "cache-"));
const fileText = (spec: CompiledSpec) =>
  fc
    .tuple(
      fc.array(fc.oneof({ weight: 9, arbitrary: rowText(spec) }, fc.constant("")), { maxLength: 30 }),
      fc.boolean(),
    )
    .map(([rows, newline]) => rows.join("\n") + (newline ? "\n" : ""));

describe.each<Format>(["tsv", "csv", "json", "vw"])("%s from a cache", (format) => {
  const spec = everySpec(format);
  const kept = format === "vw" ? undefined : ["plain", "label"];

  it("yields the same as its text: batches of any size, rejects, positions, epochs, limits, texts", async () => {
    const files = fc.array(fileText(spec), { minLength: 1, maxLength: 3 });
    const numbers = fc.record({
      capacity: fc.integer({ min: 1, max: 9 }),
      blockRows: fc.integer({ min: 1, max: 12 }),
      limit: fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.nat(40)),
      epochs: fc.integer({ min: 1, max: 3 }),
      pick: fc.nat(),
    });
    await fc.assert(
      fc.asyncProperty(files, numbers, async (texts, { capacity, blockRows, limit, epochs, pick }) => {
        const at = folder();
        const names = texts.map((text, i) => {
          const name = join(at, `${i}.txt`);
          writeFileSync(name, text);
          return name;
        });
        await makeCache(spec, inputsFor(names), join(at, "cache"), { kept: kept ?? [], blockRows });
        const inputs = inputsOfCache(new EventCache(join(at, "cache")));
        const options = { start: START, epochs, limit, everyEpoch: pick % 2 === 0 };
        const wanted = pick % 3 === 0 ? kept : pick % 3 === 1 ? [] : undefined;
        const text = await ofText(spec, names, capacity, wanted, options);
        expect(await ofCache(spec, inputs, capacity, wanted, options)).toEqual(text);
        // Resumes at the position of any batch, wherever the earlier batches came from.
        const { position } = text.batches[pick % text.batches.length];
        const start = { ...wholeRun, start: { epoch: 0, ...position } };
        const rest = await ofText(spec, names, capacity, undefined, start);
        expect((await ofCache(spec, inputs, capacity, undefined, start)).batches).toEqual(rest.batches);
      }),
      { numRuns: 10 },
    );
  });
});

const small = specOf([{ name: "a", type: "categorical", from: "a" }], {
  events: { format: "tsv", columns: ["label", "a"], header: false, separator: "\t" },
});

describe("a cached file", () => {
  it("is recognized, split and resumed like the file itself", async () => {
    const at = folder();
    const [name, other] = ["a.tsv", "b.tsv"].map((file) => join(at, file));
    const rows = Array.from({ length: 3000 }, (_, i) => (i % 50 === 7 ? "bad" : `${i % 2}\tv${i}`));
    writeFileSync(name, `${rows.join("\n")}\n`);
    writeFileSync(other, "1\tx\n0\ty");
    utimesSync(name, 1e9, 1e9);
    await makeCache(small, inputsFor([name, other]), join(at, "cache"), { kept: [], blockRows: 700 });
    const [texts, cached] = [inputsFor([name, other]), inputsOfCache(new EventCache(join(at, "cache")))];
    for (const share of [0.001, 0.2, 0.37, 0.5, 0.9]) {
      const cut = await cutOf(texts, share);
      expect(await cutOf(cached, share)).toEqual(cut);
      const [text, cache] = [before(texts, cut), before(cached, cut) as typeof cached];
      const feed = new TextFeed(sourceOf(text), new Decoder(small, { capacity: 64 }));
      const learned = collected(
        small,
        64,
        undefined,
        batchesOf(feed, { ...wholeRun, buffer: () => new ArrayBuffer(0) }),
      );
      expect(await ofCache(small, cache, 64, undefined, wholeRun)).toEqual(await learned);
    }
  });

  it("ends a batch early to bound the held rejects, like its text", async () => {
    const at = folder();
    const name = join(at, "a.tsv");
    writeFileSync(name, `1\tx\n${"bad\n".repeat(12_345)}0\ty\n`);
    await makeCache(small, inputsFor([name]), join(at, "cache"), { kept: [] });
    const inputs = inputsOfCache(new EventCache(join(at, "cache")));
    const text = await ofText(small, [name], 8, undefined, wholeRun);
    expect(text.batches.map(({ rejects }) => rejects.length)).toEqual([10_000, 2_345]);
    expect(await ofCache(small, inputs, 8, undefined, wholeRun)).toEqual(text);
  });
});
