import { expect, test } from "vitest";
import { parseSpec } from "../../src/spec/parse.js";

/** A spec of fields in these tables. */
const text = (tables: string[], dims: Record<string, number>) => `name: a
events: { format: json }
fields:
${tables.map((table, i) => `  - { name: f${i}, type: categorical, table: ${table} }\n`).join("")}  - { name: x, type: numeric }
tables: { ${Object.entries(dims)
  .map(([table, dim]) => `${table}: { dim: ${dim} }`)
  .join(", ")} }
tower: deep_ffm
wide: { fields: [f0] }
`;

test("a key has a vector for each other field of every table", () => {
  const { tables, tower } = parseSpec(text(["s", "s", "t", "s"], { s: 5, t: 5 }), "a.yaml");
  expect(tables).toMatchObject([{ dim: 15, init: 0.05 }, { dim: 15, init: 0.05 }, { dim: 1 }]);
  expect(tower).toEqual({ kind: "deep_ffm", hidden: [32, 16], optimizer: tower.optimizer, runtime: "onnxruntime" });
  expect(new Set(tables[0].cells.map(({ seed }) => seed)).size).toBe(3);
});

test.each<[string[], Record<string, number>, RegExp]>([
  [["s"], { s: 4 }, /tables: deep_ffm requires at least two fields/],
  [["s", "t"], { s: 4, t: 8 }, /multiplies embeddings, which requires equal dims, got 4, 8/],
  [new Array(10).fill("s"), { s: 456 }, /tables\.s\.dim: 456 factors for each of 9 other fields exceed 4096 per row/],
  [[], {}, /deep_ffm requires at least one embedding/],
])("tables %j of dims %j are refused", (tables, dims, message) => {
  expect(() => parseSpec(text(tables, dims).replace(tables.length ? "" : /wide: .*/, ""), "a.yaml")).toThrow(message);
});
