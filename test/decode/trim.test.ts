import { describe, expect, it, test } from "vitest";
import { Decoder } from "../../src/decode/decoder.js";
import { cellsIn } from "../../src/decode/header.js";
import type { CompiledSpec } from "../../src/spec/compiled.js";
import { parseSpec } from "../../src/spec/parse.js";
import fc from "../properties.js";
import { feed, rowsOf } from "./feed.js";
import { specOf } from "./generate.js";

type Delimited = "tsv" | "csv";

const separators = { csv: ",", tsv: "\t" } as const;
const fields = [
  { name: "a", type: "categorical", from: "a" },
  { name: "b", type: "categorical", from: "b" },
  { name: "x", type: "numeric", from: "x", transform: "raw", missing: 0 },
] as const;

function spec(format: Delimited, trim: boolean, header = false): CompiledSpec {
  const columns = header ? [] : ["label", "a", "b", "x"];
  const written = { format, columns, header, separator: separators[format], ...(trim && { trim }) };
  return specOf([...fields], { events: written });
}

const decoded = (of: CompiledSpec, text: string, chunk = 7) => {
  const taken = feed(new Decoder(of, { capacity: 64 }), Buffer.from(text), [chunk]);
  return { rows: taken.flatMap(({ batch }) => rowsOf(of, batch)), rejects: taken.flatMap(({ rejects }) => rejects) };
};

/** A cell as it is written: blanks within quotes belong to it, blanks at an unquoted one's ends do not. */
const cell = fc.oneof(
  fc.stringMatching(/^[a-z?.]([a-z .]{0,20}[a-z])?$/).map((text) => text),
  fc.constant(""),
  fc.stringMatching(/^[a-z ,]{0,6}(""[a-z]?)?$/).map((text) => `"${text}"`),
);
const unquoted = cell.map((text) => text.replaceAll(/["\t]/g, "").trim());
const number = fc.integer({ min: -999, max: 999 }).map(String);
const blanks = (format: Delimited) => fc.stringMatching(format === "csv" ? /^[ \t]{0,3}$/ : /^ {0,3}$/);

const lineOf = (format: Delimited) =>
  fc.record({
    cells: fc.tuple(fc.constantFrom("0", "1"), ...[0, 1].map(() => (format === "csv" ? cell : unquoted)), number),
    around: fc.array(blanks(format), { minLength: 8, maxLength: 8 }),
    end: fc.constantFrom("\n", "\r\n"),
  });

describe("events.trim", () => {
  it.each(["csv", "tsv"] as const)("%s: spaces around values and quotes are not part of them", (format) => {
    const by = separators[format];
    fc.assert(
      fc.property(fc.array(lineOf(format), { maxLength: 20 }), fc.integer({ min: 1, max: 60 }), (lines, chunk) => {
        const bare = lines.map(({ cells, end }) => cells.join(by) + end).join("");
        const spaced = lines.map(
          ({ cells, around, end }) => cells.map((text, i) => around[2 * i] + text + around[2 * i + 1]).join(by) + end,
        );
        const expected = decoded(spec(format, false), bare);
        expect(expected.rejects).toEqual([]);
        expect(decoded(spec(format, true), spaced.join(""), chunk)).toEqual(expected);
      }),
    );
  });

  it("leaves blank lines, and rejects what is not a row, as without it", () => {
    const text = '1, a, b, 2\n\n1, a\n1, a "b", c, 2\n  \n0,,, 3\n';
    const codes = (trim: boolean) => decoded(spec("csv", trim), text).rejects.map(({ code, row }) => [code, row]);
    expect(codes(true)).toEqual([
      ["column_count", 3],
      ["bad_quote", 4],
      ["column_count", 5],
    ]);
    expect(decoded(spec("csv", true), text).rows).toHaveLength(2);
  });

  it("applies to the names in a header, quoted or not", () => {
    const of = spec("csv", true, true);
    const expected = decoded(spec("csv", false), "1,u,v,2\n").rows;
    for (const header of ["label, a, b, x", ' label ,"a" , "b",x '])
      expect(decoded(of, `${header}\n1, u, v, 2\n`, 3).rows).toEqual(expected);
    expect(cellsIn('a, "b, ""c" ,d ', { separator: ",", quoted: true, trim: true })).toEqual(["a", 'b, "c', "d"]);
    expect(decoded(of, 'label, "a", "b\nc", b, x\n1, u, 9, v, 2\n', 1).rows).toEqual(expected);
  });
});

test("events.trim is left out of the compiled spec unless it is true, and refused where it has no effect", () => {
  const parsed = (events: string) =>
    parseSpec(
      `name: t\nevents: ${events}\nfields: [{ name: a, type: categorical, table: w }]\ntables: { w: {} }\ntower: lr`,
      "t.yaml",
    );
  expect(parsed("{ format: csv, columns: [label, a], trim: true }").events.trim).toBe(true);
  expect(parsed("{ format: csv, columns: [label, a], trim: false }").events).not.toHaveProperty("trim");
  expect(() => parsed("{ format: json, trim: true }")).toThrow("events.trim: has no effect for json");
  expect(() => parsed("{ format: csv, columns: [label, a], separator: space, trim: true }")).toThrow(
    "events.trim: has no effect if spaces separate columns",
  );
});
