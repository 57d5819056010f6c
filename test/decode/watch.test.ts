import { expect, it } from "vitest";
import { Decoder } from "../../src/decode/decoder.js";
import type { CompiledSpec } from "../../src/spec/compiled.js";
import { decodeRequest, feed, feedFile } from "./feed.js";
import { specOf } from "./generate.js";

const spec = (format: "tsv" | "json" | "vw"): CompiledSpec =>
  specOf(
    [
      { name: "a", type: "categorical", from: "a" },
      { name: "b", type: "bag", from: "b", separator: "|", combiner: "sum", max_length: 9 },
      { name: "n", type: "numeric", from: "n", transform: "raw", missing: 0 },
      { name: "gone", type: "categorical", from: format === "json" ? "user.idd" : "gone" },
    ],
    { events: { format, columns: ["label", "a", "b", "n", "gone"], header: false, separator: "\t" } },
  );

const constants = (decoder: Decoder) =>
  decoder
    .findings()
    .constants.map(({ column, value }) => `${column}=${value}`)
    .sort();

it("finds constant values of any length at any position", () => {
  const rows = Array.from({ length: 50 }, (_, i) => `${i % 2}\tthe same long text\tx|y\t${i}\t\n`);
  const decoder = new Decoder(spec("tsv"), { capacity: 8 });
  feed(decoder, Buffer.from(rows.join("")), [33]);
  expect(constants(decoder)).toEqual(["a=the same long text", "b=x|y", "gone="]);
  expect([...decoder.findings().labels].sort()).toEqual(["0", "1"]);
  feedFile(decoder, Buffer.from("1\tthe same long texT\tx|y\t1\t\n"));
  expect(constants(decoder)).toEqual(["b=x|y", "gone="]);
  feedFile(decoder, Buffer.from("1\tq\tx\t1\tcame\n"));
  expect(constants(decoder)).toEqual([]);
});

it("rejected rows do not count", () => {
  const decoder = new Decoder(spec("tsv"), { capacity: 8 });
  feed(decoder, Buffer.from("1\tx\ty\t1\t\n1\tx\ty\tbad\tz\n0\tx\ty\t2\t\n"));
  expect(constants(decoder)).toEqual(["a=x", "b=y", "gone="]);
});

it.each([
  ["json", '{"label":1,"a":"x","user":{"id":7}}', "user.id"],
  ["vw", "1 |a x |goone 7", "goone"],
] as const)(
  "of %s, reports a path that is always missing with the nearest one that is present",
  (format, row, near) => {
    const decoder = new Decoder(spec(format), { capacity: 8 });
    feed(decoder, Buffer.from(`${row}\n${row}\n`));
    const gone = decoder
      .findings()
      .constants.find(({ column }) => column === (format === "json" ? "user.idd" : "gone"));
    expect(gone).toMatchObject({ value: "", near });
  },
);

it("watches messages, but not requests", () => {
  const decoder = new Decoder(spec("tsv"), { capacity: 8 });
  for (const text of ["1\tx\ty\t1\t", "0\tx\ty\t2\t"]) decoder.message(Buffer.from(text), 0, text.length, 0);
  expect(constants(decoder)).toEqual(["a=x", "b=y", "gone="]);
  const scoring = new Decoder(spec("json"), { capacity: 8, format: "json", requireLabel: false });
  decodeRequest(scoring, Buffer.from("{}"), [Buffer.from('{"a":"x"}')]);
  expect(scoring.findings()).toEqual({ constants: [], labels: [] });
});

it.each([
  ["1\tx\ty\n", { code: "column_count", value: "3 columns", expected: "5 columns" }],
  ["1\tx\n".replace("\tx", ""), { code: "column_count", value: "1 column", expected: "5 columns" }],
  ["2\tx\ty\t1\tz\n", { code: "unknown_label", value: "2", expected: "1 (positive), or 0 or -1" }],
  ["\tx\ty\t1\tz\n", { code: "bad_label", value: "", expected: "1 (positive), or 0 or -1" }],
  ["1\tx\ty\tmany\tz\n", { code: "bad_number", value: "many", expected: "a number" }],
  [`1\tx\ty\t${"é".repeat(99)}\tz\n`, { code: "bad_number", value: `${"é".repeat(30)}…` }],
])("a reject shows what was found and what was expected: %j", (text, fault) => {
  const [{ rejects }] = feed(new Decoder(spec("tsv"), { capacity: 8 }), Buffer.from(text));
  expect(rejects).toMatchObject([fault]);
});
