import { expect, it } from "vitest";
import { Decoder } from "../../src/decode/decoder.js";
import { parseSpec } from "../../src/spec/parse.js";
import { feed } from "../decode/feed.js";

const spec = (separator: string, header = "columns: [label, a]") =>
  parseSpec(
    `name: m\nevents: { format: tsv, ${header}, separator: ${separator} }\nlabel: {}\nfields:\n  - { name: a, type: categorical, table: t }\ntables: { t: {} }\ntower: lr\n`,
    "f.yaml",
  );

it.each([
  ['"\\x01"', 1],
  ["'\\x01'", 1],
  ["\\x01", 1],
  ["\\u0001", 1],
  ["'\\001'", 1],
  ['"\\u001f"', 31],
  ["'\\t'", 9],
  ["tab", 9],
  ["Tab", 9],
  ["pipe", 124],
  ['";"', 59],
  ['"\\0"', 0],
])("columns may be separated by %s", (written, code) => {
  const compiled = spec(written);
  expect(compiled.events.separator).toBe(String.fromCharCode(code));
  const text = `1\u0000x\n0\u0000y\nbad\n`.replaceAll("\u0000", compiled.events.separator);
  const [{ batch, rejects }] = feed(new Decoder(compiled, { capacity: 9 }), Buffer.from(text));
  expect([...batch.labels]).toEqual([1, 0]);
  expect(rejects).toMatchObject([{ code: "column_count" }]);
});

it.each(['"\\n"', '"\\r"', "'\"'", "ab", '"é"'])("%s cannot separate columns", (written) => {
  expect(() => spec(written)).toThrow("cannot separate columns");
});

it("columns need not be named if files have a header", () => {
  const compiled = spec("tab", "header: true");
  expect(compiled.events.columns).toEqual([]);
  const [{ batch }] = feed(new Decoder(compiled, { capacity: 9 }), Buffer.from("more\ta\tlabel\n9\tx\t1\n"));
  expect([...batch.labels]).toEqual([1]);
});

it("a topic has no header: its columns must be named", () => {
  const message = (decoder: Decoder, text: string) => decoder.message(Buffer.from(text), 0, text.length, 0);
  const named = new Decoder(spec("tab", "columns: [label, a], header: true"), { capacity: 9 });
  message(named, "1\tx");
  expect(named.rows).toBe(1);
  const unnamed = new Decoder(spec("tab", "header: true"), { capacity: 9 });
  expect(() => message(unnamed, "1\tx")).toThrow("a topic's messages have no header");
});
