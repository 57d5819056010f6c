import { describe, expect, it } from "vitest";
import type { ChangedRows, Patch } from "../../src/checkpoints/chain-writer.js";
import { joinRows } from "../../src/checkpoints/join-rows.js";
import fc from "../properties.js";

const STRIDE = 3;

/** Rows copied at several times; a row's bytes encode the time. */
const copies = fc.array(fc.uniqueArray(fc.nat(40)), { minLength: 1, maxLength: 6 });

function copyOf(numbers: readonly number[], version: number): ChangedRows {
  const rows = Uint32Array.from([...numbers].sort((a, b) => a - b));
  const data = new Uint8Array(rows.length * STRIDE);
  rows.forEach((row, i) => void data.set([row, version, row ^ version], i * STRIDE));
  return { name: "rows", rows, data };
}

describe("joinRows", () => {
  it("keeps the newest copy of every row, ascending, and no row beyond the block", () => {
    fc.assert(
      fc.property(copies, fc.nat(45), (lists, size) => {
        // The last copy is of the final block: it has no row beyond its end.
        const all = lists.map((rows, i) => copyOf(i < lists.length - 1 ? rows : rows.filter((row) => row < size), i));
        const newest = new Map(all.flatMap(({ rows }, version) => [...rows].map((row) => [row, version] as const)));
        const patch: Patch = { ...all.at(-1)!, dtype: "U8", shape: [size, STRIDE] };
        const wanted = [...newest].filter(([row]) => row < size).sort(([a], [b]) => a - b);
        const { rows, data, ...rest } = joinRows(all.slice(0, -1), patch);
        expect([...rows]).toEqual(wanted.map(([row]) => row));
        expect([...data]).toEqual(wanted.flatMap(([row, version]) => [row, version, row ^ version]));
        expect(rest).toEqual({ name: "rows", dtype: "U8", shape: [size, STRIDE] });
      }),
    );
  });
});
