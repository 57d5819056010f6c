import { describe, expect, it } from "vitest";
import { KeyPartition } from "../../../src/tables/key-partition.js";
import fc from "../../properties.js";
import { mix } from "../../tables/reference.js";

const NONE = 0xffffffff;
const SEED = 0xfedcba9876543210n;

const partOf = (key: bigint, parts: number): number => Number(((mix(key ^ SEED) >> 32n) * BigInt(parts)) >> 32n);

/** Vectors of the parts are a function of the key, so that the batch's order can be checked. */
function vectorOf(key: bigint, dim: number): number[] {
  return Array.from({ length: dim }, (_, i) => Math.fround(Number(mix(key + BigInt(i)) >> 40n) / 1000));
}

function spreadVectors(split: KeyPartition, parts: number, dim: number): void {
  for (let p = 0; p < parts; p++) {
    const vectors = [...split.keysOf(p)].flatMap((key) => vectorOf(key, dim));
    split.take(p, Float32Array.from([...vectors, ...Array<number>(dim).fill(7)]));
  }
  split.kernel.spread(split.count(0) + sum(parts - 1, (p) => split.count(p + 1)));
}

const sum = (n: number, f: (i: number) => number): number =>
  Array.from({ length: n }, (_, i) => f(i)).reduce((a, b) => a + b, 0);

describe("the split kernel", () => {
  const keys = fc.uniqueArray(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { maxLength: 50 });

  it("routes keys to parts by hash and collects vectors and gradients, for any batch", () => {
    fc.assert(
      fc.property(keys, fc.integer({ min: 1, max: 9 }), fc.constantFrom(1, 3, 4, 10), (batch, parts, dim) => {
        const split = new KeyPartition("ids", 50, dim, parts);
        split.keys.set(batch);
        split.kernel.byHash(batch.length, SEED);
        for (let p = 0; p < parts; p++) {
          expect([...split.keysOf(p)]).toEqual(batch.filter((key) => partOf(key, parts) === p));
        }
        spreadVectors(split, parts, dim);
        expect([...split.vectors.subarray(0, batch.length * dim)]).toEqual(batch.flatMap((key) => vectorOf(key, dim)));
        split.gradients.set(batch.flatMap((key) => vectorOf(key, dim)));
        split.kernel.collect(batch.length);
        for (let p = 0; p < parts; p++) {
          const expected = [...split.keysOf(p)].flatMap((key) => vectorOf(key, dim));
          expect([...split.gradientsOf(p)]).toEqual(expected);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("separates keys with a row from those without, in order", () => {
    const split = new KeyPartition("ids", 8, 4, 2);
    split.keys.set([10n, 11n, 12n, 13n, 14n]);
    split.rows.set([3, NONE, 0, NONE, NONE]);
    split.kernel.byRow(5);
    expect([...split.keysOf(0)]).toEqual([10n, 12n]);
    expect([...split.keysOf(1)]).toEqual([11n, 13n, 14n]);
    split.kernel.byRow(0);
    expect([split.count(0), split.count(1)]).toEqual([0, 0]);
  });

  it.each([
    ["sequential", (i: number) => BigInt(i)],
    ["multiples of 2^40", (i: number) => (BigInt(i) << 40n) & (2n ** 64n - 1n)],
    ["mixed with the same seed", (i: number) => mix(BigInt(i))],
  ])("divides %s keys evenly", (_, keyOf) => {
    const [count, parts] = [20_000, 7];
    const split = new KeyPartition("ids", count, 1, parts);
    for (let i = 0; i < count; i++) split.keys[i] = keyOf(i);
    split.kernel.byHash(count, SEED);
    const expected = count / parts;
    const chi = sum(parts, (p) => (split.count(p) - expected) ** 2 / expected);
    // 6 degrees of freedom: above 27.9 once in 10,000 seeds.
    expect(chi).toBeLessThan(27.9);
  });

  it.each([1, 3, 4, 18])("computes the norm of gradients of %i floats, and their mean", (dim) => {
    const split = new KeyPartition("ids", 10, dim, 2);
    const gradients = Array.from({ length: 10 * dim }, (_, i) => Math.sin(i));
    split.gradients.set(gradients);
    const mean = split.kernel.measure(10);
    const norms = Array.from({ length: 10 }, (_, u) => Math.hypot(...gradients.slice(u * dim, (u + 1) * dim)));
    norms.forEach((norm, u) => {
      expect(split.norms[u]).toBeCloseTo(norm, 5);
    });
    expect(mean).toBeCloseTo(sum(10, (u) => norms[u]) / 10, 5);
    expect(split.kernel.measure(0)).toBe(0);
  });

  it("fails if a batch does not fit in memory", () => {
    expect(() => new KeyPartition("ids", 2 ** 20, 4096, 2)).toThrow(expect.objectContaining({ code: "table_full" }));
  });
});
