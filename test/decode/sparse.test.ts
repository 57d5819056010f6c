// libsvm and libffm in common variants, compared with the scalar reference.
import { describe, expect, it } from "vitest";
import { Decoder } from "../../src/decode/decoder.js";
import { type KeptRow, keptRows } from "../../src/decode/kept-rows.js";
import type { CompiledField, CompiledSpec } from "../../src/spec/compiled.js";
import fc from "../properties.js";
import { decodeRequest, expectDecoded, feed, rowsOf } from "./feed.js";
import { specOf } from "./generate.js";
import { decodeFile } from "./reference.js";

const bag = (name: string, from: string) =>
  ({ name, type: "bag", from, separator: "|", combiner: "sum", max_length: 5 }) as const;
const number = (name: string, from: string) => ({ name, type: "numeric", from, transform: "raw", missing: 0 }) as const;
const id = (name: string, from: string) => ({ name, type: "categorical", from }) as const;

function sparse(format: "libsvm" | "libffm", fields: readonly CompiledField[]): CompiledSpec {
  const spec = specOf(fields);
  return {
    ...spec,
    events: { format, columns: [], header: false, separator: "" },
    label: { ...spec.label, weight: "9" },
  };
}

const vector = { name: "v", type: "vector", from: "7", separator: ",", length: 2, take: 1 } as const;
const specs = {
  libsvm: sparse("libsvm", [bag("all", "features"), id("query", "qid"), number("x", "3"), id("code", "12")]),
  libffm: sparse("libffm", [id("user", "0"), id("ad", "1"), number("price", "2"), bag("tags", "10"), vector]),
};

const value = fc.constantFrom("1", "0.5", "1e-3", "-2", "7", "x", "", "1:2", "1e99");
const name = fc.constantFrom("0", "1", "2", "3", "7", "9", "10", "12", "features", "label", "ü");
const blank = fc.constantFrom(" ", " ", " ", "\t", "  ");
const label = fc.constantFrom("1", "0", "+1", "-1", "1.0", "maybe", "");
const tail = fc.constantFrom("", "", "", " ", "\r", " # note 1:2", "#");

/** A line, mostly valid. */
function line(format: "libsvm" | "libffm"): fc.Arbitrary<string> {
  const good = fc.tuple(name, value, fc.nat(40)).map(([index, x, odd]) => {
    const word = format === "libsvm" ? `${index}:${x}` : `${index}:${odd}:${x}`;
    return odd === 0 ? index : odd === 1 ? `:${x}` : word;
  });
  const qid = fc.constantFrom("", "qid:5 ", "qid: ");
  return fc
    .tuple(label, blank, qid, fc.array(fc.tuple(good, blank), { maxLength: 8 }), tail)
    .map(([y, space, q, words, end]) => y + space + q + words.flat().join("") + end);
}

describe.each(["libsvm", "libffm"] as const)("%s", (format) => {
  const spec = specs[format];

  it("is decoded like the scalar reference, and no corrupted byte crashes the decoder", () => {
    const decoder = new Decoder(spec, { capacity: 8 });
    let accepted = 0;
    const files = fc
      .tuple(fc.array(line(format), { maxLength: 30 }), fc.nat(), fc.nat(600))
      .map(([lines, at, byte]) => {
        const file = Buffer.from(lines.join("\n"));
        if (byte < 256 && file.length > 0) file[at % file.length] = byte;
        return file;
      });
    fc.assert(
      fc.property(files, fc.integer({ min: 1, max: 50 }), (file, chunk) => {
        const expected = decodeFile(spec, file);
        decoder.startAt(0, 0);
        expectDecoded(spec, feed(decoder, file, [chunk]), expected, 8);
        accepted += expected.rows.length;
      }),
      { numRuns: 200 },
    );
    expect(accepted).toBeGreaterThan(13);
  });

  it("skips comments, also as a message", () => {
    const decoder = new Decoder(spec, { capacity: 9 });
    const good = format === "libsvm" ? "1 3:1" : "1 0:3:1";
    const text = Buffer.from(`# names\n${good} # why\n  \n   # more\n${good}\n`);
    const [{ batch, rejects, row }] = feed(decoder, text);
    expect([batch.rows, rejects, row]).toEqual([2, [], 5]);
    const messages = new Decoder(spec, { capacity: 9 });
    for (const message of ["# nothing", good]) messages.message(Buffer.from(message), 0, message.length, 0);
    expect(messages.rows).toBe(1);
  });

  it("a word that is not a feature rejects its row with what was expected", () => {
    const [{ rejects }] = feed(new Decoder(spec, { capacity: 9 }), Buffer.from("1 3\n1 :3\n"));
    expect(rejects.map(({ code }) => code)).toEqual(["bad_features", "bad_features"]);
    expect(rejects[0].expected).toContain("label index:value …");
  });
});

it("libsvm: all features are a bag with weights; an index is a number, and unread features cannot reject a row", () => {
  const [{ batch }] = feed(new Decoder(specs.libsvm, { capacity: 9 }), Buffer.from("-1 qid:3 1:0.5 3:2 12:7\n1 4:1\n"));
  const [first, second] = rowsOf(specs.libsvm, batch);
  expect([first.label, first.numbers, first.bags[0].weights]).toEqual([0, [2], [0.5, 2, 7]]);
  expect([second.label, second.numbers, second.bags[0].weights]).toEqual([1, [Number.NaN], [1]]);
  const unread = feed(
    new Decoder(sparse("libsvm", [number("x", "3")]), { capacity: 9 }),
    Buffer.from("1 3:1 4:zebra\n"),
  );
  expect(unread[0].batch.rows).toBe(1);
});

it("libffm: a field's features need not be adjacent", () => {
  const spec = sparse("libffm", [bag("tags", "10"), id("user", "0")]);
  const [{ batch, kept }] = feed(
    new Decoder(spec, { capacity: 9, kept: ["10"] }),
    Buffer.from("1 10:7:1 0:17:1 10:8:0.5 100:1:1 10:9:2\n1 0:17:1 10:7:1 10:8:0.5 10:9:2\n"),
  );
  const [apart, together] = rowsOf(spec, batch);
  expect(apart).toEqual(together);
  expect(apart.bags[0].weights).toEqual([1, 0.5, 2]);
  const texts = [...keptRows(kept, 1)].map(({ values }: KeptRow) => values[0].text);
  expect(texts).toEqual(["7:1 8:0.5 9:2", "7:1 8:0.5 9:2"]);
});

it("a score request names the same features as members", () => {
  for (const [format, text, context] of [
    ["libsvm", "? 1:0.5 3:2 12:7 9:2", '{"features":{"1":0.5,"3":2,"12":7,"9":2},"3":2,"12":7}'],
    ["libffm", "? 0:17:1 1:5:1 2:1:3.5 10:7:1 10:8:0.5", '{"0":17,"1":5,"2":3.5,"10":{"7":1,"8":0.5}}'],
  ] as const) {
    const spec = specs[format];
    const options = { capacity: 4, requireLabel: false };
    const [{ batch }] = feed(new Decoder(spec, options), Buffer.from(text));
    const scorer = new Decoder(spec, { ...options, format: "json" });
    const asked = decodeRequest(scorer, Buffer.from(context), [Buffer.from("{}")]);
    const [row] = "batch" in asked ? rowsOf(spec, asked.batch) : [asked.failure];
    const [of] = rowsOf(spec, batch);
    expect(row).toEqual(of);
  }
});
