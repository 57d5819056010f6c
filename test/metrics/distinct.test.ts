import { expect, test } from "vitest";
import { Rng } from "../../src/core/rng.js";
import { DistinctCounts } from "../../src/metrics/distinct.js";

/** The register and rank of a random 64-bit hash: 12 bits choose the register, the rank is the position of the first 1 after them. */
function randomChange(rng: Rng, field: number): number {
  const register = rng.next() >>> 20;
  let rank = 1;
  while (rank < 53 && rng.uniform() < 0.5) rank++;
  return ((field << 20) | (register << 8) | rank) >>> 0;
}

test.each([10, 1000, 9000, 40_000, 300_000])("%i random hashes are estimated within 5 %%", (n) => {
  const counts = new DistinctCounts(3);
  const rng = new Rng(n);
  counts.merge(Uint32Array.from({ length: n }, () => randomChange(rng, 1)));
  expect(Math.abs(counts.estimate(1) / n - 1)).toBeLessThan(0.05);
  expect(counts.estimate(0)).toBe(0);
  expect(counts.estimate(2)).toBe(0);
});

test("repeats and lower ranks change nothing; the highest field number fits", () => {
  const counts = new DistinctCounts(4096);
  const change = ((4095 << 20) | (7 << 8) | 9) >>> 0;
  counts.merge(Uint32Array.of(change));
  const before = counts.blocks("d")[0].data.slice();
  counts.merge(Uint32Array.of(change, change - 3, 0));
  expect(Buffer.compare(counts.blocks("d")[0].data, before)).toBe(0);
  expect(counts.estimate(4095)).toBe(1);
});

test("restore returns the registers; a short block is reported as damage", () => {
  const counts = new DistinctCounts(2);
  const rng = new Rng(5);
  counts.merge(Uint32Array.from({ length: 5000 }, () => randomChange(rng, 0)));
  const [block] = counts.blocks("d");
  const copy = new DistinctCounts(2);
  copy.restore("d", new Map([["d/registers", { ...block, data: block.data.slice() }]]));
  expect(copy.estimate(0)).toBe(counts.estimate(0));
  expect(Buffer.compare(copy.blocks("d")[0].data, block.data)).toBe(0);
  expect(() => new DistinctCounts(3).restore("d", new Map([[block.name, block]]))).toThrow(/d\/registers/);
});
