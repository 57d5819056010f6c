import { describe, expect, it } from "vitest";
import { withCandidates } from "../../../src/serve/requests/columns.js";
import fc from "../../properties.js";

const columns = (text: string) => Buffer.from(withCandidates(Buffer.from(text))).toString();

describe("a body of columns", () => {
  it("is converted to one of candidates, every value as it was written", () => {
    expect(columns('{"context": {"u": 1}, "columns": {"a.b": [ 9007199254740993 , 1.0], "c": [["x"], null]}}')).toBe(
      '{"context":{"u": 1},"candidates":[{"a.b":9007199254740993,"c":["x"]},{"a.b":1.0,"c":null}]}',
    );
  });

  it("is unchanged if it has no columns", () => {
    for (const text of ['{"candidates": [{"columns": 1}]}', '["columns"]', '{"x": {"columns": {}}, "candidates": []}'])
      expect(columns(text)).toBe(text);
  });

  it.each([
    ['{"columns": {"a": [1]}, "candidates": [{}]}', /candidates and columns cannot be combined/],
    ['{"columns": {}}', /at least one column/],
    ['{"columns": []}', /columns: must be an object/],
    ['{"columns": {"a": 1}}', /columns\.a: must be an array/],
    ['{"columns": {"a": [1, 2], "b": [1]}}', /columns\.b: has 1 values, but columns\.a has 2/],
    ['{"columns": {"a": []}}', /at least one candidate/],
    ['{"columns": {"a": [1]', /not valid JSON/],
    [`{"columns": {"a": [${Array(10_001).fill(1)}]}}`, /10001 exceed the limit of 10000/],
  ])("is refused: %.60s", (text, message) => {
    expect(() => columns(text)).toThrowError(message);
  });

  it("is refused if its names, repeated in every row, would take gigabytes: a server died of 300 KB", () => {
    const names = { columns: { ["k".repeat(300_000)]: Array(10_000).fill(1) } };
    expect(() => columns(JSON.stringify(names))).toThrowError(
      "columns: larger than 33554432 bytes when converted to candidates",
    );
  });

  it("has the values of its columns, row by row", () => {
    const names = fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(names, fc.array(fc.jsonValue(), { minLength: 1, maxLength: 5 }), (keys, values) => {
        const given = Object.fromEntries(
          keys.map((key, i) => [key, values.map((_, j) => values[(i + j) % values.length])]),
        );
        const { candidates } = JSON.parse(columns(JSON.stringify({ columns: given }))) as { candidates: object[] };
        const rows = values.map((_, j) =>
          Object.fromEntries(Object.entries(given).map(([key, list]) => [key, list[j]])),
        );
        expect(candidates).toEqual(JSON.parse(JSON.stringify(rows)));
      }),
    );
  });
});
