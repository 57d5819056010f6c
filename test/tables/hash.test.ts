import { describe, expect, it } from "vitest";
import { optimizerSpecs } from "../optimizers/specs.js";
import { subjectOf, tableContract } from "./table.contract.js";

describe("a hash table", () => {
  tableContract("hash");

  const top = 2n ** 64n - 1n;
  it.each([1, 2, 64, 100, 4093])("maps a key to row key mod rows, of %i rows", (rows) => {
    const { table, learn } = subjectOf({ encoding: "hash", optimizer: optimizerSpecs.sgd, rows, singles: 1 });
    for (const key of [0n, 1n, top, top - 1n, 2n ** 63n, 123456789123456789n]) {
      learn([{ singles: [key] }]);
      expect(table.lookup(key)?.row).toBe(Number(key % BigInt(rows)));
    }
  });

  it("shares a row between colliding keys", () => {
    const { table, learn } = subjectOf({ encoding: "hash", optimizer: optimizerSpecs.sgd, rows: 10, singles: 2 });
    learn([{ singles: [3n, 13n] }]);
    expect(table.lookup(13n)).toEqual(table.lookup(3n));
    expect(table.stats()).toMatchObject({ rows: 1, capacity: 10 });
  });

  it("fails if its rows do not fit in memory", () => {
    const make = () =>
      subjectOf({ encoding: "hash", optimizer: optimizerSpecs.adam, rows: 2 ** 31, dim: 16, singles: 1 });
    expect(make).toThrow(expect.objectContaining({ code: "table_full", hint: expect.stringContaining("fewer rows") }));
  });
});
