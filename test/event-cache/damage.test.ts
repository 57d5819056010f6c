import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { batchLayout } from "../../src/core/batch.js";
import { HashbrookError } from "../../src/core/errors.js";
import { nodeFiles } from "../../src/core/files.js";
import { canonicalJson } from "../../src/core/hash.js";
import { EventCache } from "../../src/event-cache/cache.js";
import { cacheEvents } from "../../src/event-cache/cache-events.js";
import { CacheFeed } from "../../src/event-cache/feed.js";
import { cachedInputs, inputsOfCache } from "../../src/event-cache/inputs.js";
import { makeCache } from "../../src/event-cache/make.js";
import { openOrMakeCache } from "../../src/event-cache/open-or-make.js";
import { CacheWriter } from "../../src/event-cache/writer.js";
import { ColumnMemory } from "../../src/kernels/column.js";
import { inputsFor } from "../../src/sources/source.js";
import { parseSpec } from "../../src/spec/parse.js";

const text = (more = "") => `
name: small
events: { format: tsv, columns: [label, a, b] }
fields:
  - { name: a, type: categorical, table: t }
  - { name: b, type: bag, table: t }
tables: { t: { encoding: hash, rows: 1000, salt: field } }
tower: lr
${more}`;
const spec = parseSpec(text(), "small.yaml");
const root = mkdtempSync(join(tmpdir(), "cache-"));
const [data, whole] = [join(root, "a.tsv"), join(root, "whole")];

beforeAll(async () => {
  const rows = Array.from({ length: 200 }, (_, i) => (i % 20 === 3 ? "bad" : `${i % 2}\tv${i % 9}\t${i}|${i + 1}`));
  writeFileSync(data, `${rows.join("\n")}\n`);
  await makeCache(spec, inputsFor([data]), whole, { kept: ["a"], blockRows: 64 });
});

/** A modified copy of the cache. */
function changed(change: (directory: string) => void): string {
  const copy = join(mkdtempSync(join(root, "copy-")), "cache");
  cpSync(whole, copy, { recursive: true });
  change(copy);
  return copy;
}

/** Opens a cache and reads every event, like training. */
async function readAll(directory: string): Promise<void> {
  const inputs = inputsOfCache(new EventCache(directory));
  const memory = new ColumnMemory({ shared: false });
  const layout = batchLayout(spec, 16);
  const base = memory.take(layout.bytes);
  const room = () => ({ buffer: memory.memory.buffer, base });
  const feed = new CacheFeed(inputs, { spec, layout, memory, room, kept: ["a"] });
  try {
    await feed.goTo({ file: 0, offset: 0, row: 0 });
    while ((await feed.fill(16)) === "full") feed.take();
  } finally {
    await feed.close();
  }
}

async function failure(work: () => unknown): Promise<{ code: string; message: string }> {
  try {
    await work();
  } catch (error) {
    if (error instanceof HashbrookError) return error;
    throw error;
  }
  return { code: "none", message: "" };
}

const flip = (directory: string, name: string, at: number) => {
  const bytes = readFileSync(join(directory, name));
  bytes[at] ^= 1;
  writeFileSync(join(directory, name), bytes);
};

describe("a damaged cache", () => {
  it.each(["events", "cache.json", "heads"])("is detected at any flipped bit of %s", async (name) => {
    const size = readFileSync(join(whole, name)).length;
    const step = Math.max(1, Math.floor(size / 150));
    for (let at = 0; at < size; at += step) {
      const copy = changed((directory) => flip(directory, name, at));
      const { code } = await failure(() => new EventCache(copy).verify());
      expect(["cache_damaged", "cache_mismatch"], `byte ${at}`).toContain(code);
      rmSync(join(copy, ".."), { recursive: true });
    }
  });

  it.each(["events", "cache.json", "heads"])("is detected if %s is truncated, or missing", async (name) => {
    const size = readFileSync(join(whole, name)).length;
    for (const bytes of [0, 1, size >> 1, size - 1]) {
      const copy = changed((directory) => truncateSync(join(directory, name), bytes));
      expect((await failure(() => new EventCache(copy).verify())).code, `${bytes} bytes`).toBe("cache_damaged");
    }
    const gone = changed((directory) => rmSync(join(directory, name)));
    const code = name === "cache.json" ? "cache_missing" : "cache_damaged";
    expect((await failure(() => new EventCache(gone).verify())).code).toBe(code);
  });

  it("is reported with its block while it is read, and earlier rows are right", async () => {
    const { blocks } = new EventCache(whole);
    expect(blocks.length).toBe(3);
    for (const { number, at } of blocks) {
      const copy = changed((directory) => flip(directory, "events", at + 40));
      const { code, message } = await failure(() => readAll(copy));
      expect([code, message.includes(`block ${number} `)]).toEqual(["cache_damaged", true]);
    }
    expect((await failure(() => readAll(whole))).code).toBe("none");
  });

  it("of another format version is refused with a hint", async () => {
    const copy = changed((directory) => {
      const path = join(directory, "cache.json");
      writeFileSync(path, canonicalJson({ ...JSON.parse(readFileSync(path, "utf8")), version: 3 }));
    });
    const error = (await failure(() => new EventCache(copy))) as HashbrookError;
    expect([error.code, error.hint]).toEqual(["cache_mismatch", expect.stringContaining("hashbrook cache")]);
  });
});

describe("a cache of other data", () => {
  it("is refused, naming what differs", async () => {
    const other = parseSpec(text().replace("salt: field", "salt: table"), "other.yaml");
    const cache = new EventCache(whole);
    expect(await failure(() => cache.refuseOther(other))).toMatchObject({
      code: "cache_mismatch",
      message: expect.stringContaining("keys of a[0]"),
    });
    const rates = parseSpec(text("train: { batch: 7 }").replace("rows: 1000", "rows: 5, dim: 1"), "rates.yaml");
    expect(await failure(() => cache.refuseOther(rates))).toMatchObject({ code: "none" });
    expect(await failure(() => cache.refuseMissing(["b"]))).toMatchObject({
      code: "cache_mismatch",
      message: expect.stringContaining("does not contain the texts of b"),
    });
    expect(await failure(() => cachedInputs([`cache:${whole}`, data]))).toMatchObject({ code: "usage" });
    expect(await failure(() => inputsFor([`cache:${whole}`]))).toMatchObject({ code: "usage" });
    expect(await failure(() => cachedInputs([`cache:${root}`]))).toMatchObject({ code: "cache_missing" });
  });

  it("without events that only their labels made malformed is refused for scoring", async () => {
    expect((await failure(() => new EventCache(whole).refuseUnlabelled())).code).toBe("none");
    const file = join(root, "unlabelled.tsv");
    writeFileSync(file, "1\ta\tb\n\ta\tb\n");
    await makeCache(spec, inputsFor([file]), join(root, "unlabelled"), { kept: [] });
    const { code, message } = await failure(() => new EventCache(join(root, "unlabelled")).refuseUnlabelled());
    expect([code, message.includes("bad_label")]).toEqual(["cache_mismatch", true]);
  });

  it("that a program keeps for itself is rebuilt, with the reason; a matching one is reused", async () => {
    const directory = join(root, "own");
    const file = join(root, "own.tsv");
    writeFileSync(file, readFileSync(data));
    const opened = async (of = spec) => (await openOrMakeCache({ spec: of, data: [file], directory }))!;
    expect(await opened()).toMatchObject({
      made: "no cache found",
      rows: 190,
      rejected: 10,
      data: `cache:${directory}`,
    });
    expect((await opened()).made).toBeNull();
    flip(directory, "events", 100);
    expect((await opened()).made).toContain("block 0");
    expect((await opened(parseSpec(text("train: { seed: 7 }"), "seed.yaml"))).made).toContain("keys of a[0]");
    expect((await opened()).made).toContain("keys of a[0]");
    utimesSync(file, 1e9, 1e9);
    expect((await opened()).made).toContain("differs from");
    writeFileSync(file, "1\ta\tb\n");
    expect(await opened()).toMatchObject({ made: expect.stringContaining("differs from"), rows: 1 });
    expect((await opened()).made).toBeNull();
  });

  it("that the user keeps is never overwritten", async () => {
    const options = { model: spec, data, out: whole, texts: ["a"] };
    expect((await cacheEvents(options))?.made).toBeNull();
    const other = parseSpec(text("train: { seed: 7 }"), "seed.yaml");
    expect(await failure(() => cacheEvents({ ...options, model: other }))).toMatchObject({ code: "output_exists" });
    expect((await failure(() => new EventCache(whole).verify())).code).toBe("none");
  });
});

describe("a cache that is killed while it is written", () => {
  it("is not one: the manifest is written last, and removed before anything else is written", async () => {
    const again = changed(() => {});
    const stopping = new AbortController();
    stopping.abort();
    expect(await makeCache(spec, inputsFor([data]), again, { kept: [], signal: stopping.signal })).toBeNull();
    expect((await failure(() => new EventCache(again))).code).toBe("cache_missing");
    const killed = changed(() => {});
    new CacheWriter(killed).add({ bytes: new Uint8Array(16), file: 0, rows: 1, rejects: [], offset: 0, row: 0 });
    expect((await failure(() => new EventCache(killed))).code).toBe("cache_missing");
  });

  it("leaves nothing if the disk is full", async () => {
    const full = Object.assign(new Error("no space"), { code: "ENOSPC" });
    const directory = join(root, "full");
    const files = {
      ...nodeFiles,
      write: () => {
        throw full;
      },
    };
    const writer = new CacheWriter(directory, files);
    const block = { bytes: new Uint8Array(16), file: 0, rows: 1, rejects: [], offset: 0, row: 0 };
    expect(await failure(() => writer.add(block))).toMatchObject({
      code: "cache_write",
      hint: expect.stringContaining("free some space"),
    });
    writer.discard();
    expect(nodeFiles.list(directory)).toEqual([]);
  });
});
