import { describe, expect, it } from "vitest";
import { hex64 } from "../../src/core/hash.js";
import { chineseRemainders, equalRadices } from "../../src/encodings/compositional/partitions.js";
import { xxh64 } from "../../src/kernels/hash.js";
import type { EncodingSpec } from "../../src/spec/compiled.js";
import fc from "../properties.js";
import { drawWeights, mix } from "../tables/reference.js";
import { encodingContract, encodingOf, learn, vectorsOf } from "./encoding.contract.js";

const SEED = 0x0123456789abcdefn;
const base = { name: "ids", rows: 50, dim: 8, init: 0.1, seed: hex64(SEED) } as const;
const ftrl = { kind: "ftrl", alpha: 0.2, beta: 0.05, l1: 0, l2: 0, l21: 0 } as const;
const sgd = { kind: "sgd", learning_rate: 1e-3 } as const;

const partitions = [20, 30];
const shapes: Readonly<Record<string, Omit<EncodingSpec, "optimizer">>> = {
  "shared, summed": { ...base, encoding: "shared", shared: { lookups: 3, combine: "sum" } },
  "shared, side by side": { ...base, encoding: "shared", shared: { lookups: 2, combine: "concat" } },
  "quotient and remainder, multiplied": {
    ...base,
    encoding: "compositional",
    compositional: { partitions, scheme: "mixed_radix", combine: "mult", range: 600 },
  },
  "quotient and remainder, added": {
    ...base,
    encoding: "compositional",
    compositional: { partitions, scheme: "mixed_radix", combine: "add", range: 555 },
  },
  "three remainders, side by side": {
    ...base,
    dim: 9,
    encoding: "compositional",
    compositional: { partitions: [15, 16, 19], scheme: "chinese_remainder", combine: "concat", range: 4560 },
  },
  "three digits, multiplied": {
    ...base,
    encoding: "compositional",
    compositional: { partitions: [10, 20, 20], scheme: "mixed_radix", combine: "mult", range: 4000 },
  },
  "candidates and importances": { ...base, encoding: "multi_hash", multi_hash: { hashes: 3, importance_rows: 40 } },
};

for (const [name, shape] of Object.entries(shapes)) {
  encodingContract(
    name,
    { ...shape, optimizer: ftrl },
    { spec: { ...shape, optimizer: sgd }, rate: sgd.learning_rate },
  );
}

/** A plain model of a composed table that learns by gradient steps: rows in a map, everything in f32. */
class Reference {
  private readonly spec: Omit<EncodingSpec, "optimizer">;
  private readonly rows = new Map<string, number[]>();

  constructor(spec: Omit<EncodingSpec, "optimizer">) {
    this.spec = spec;
  }

  rowNumbers(key: bigint): number[] {
    const { shared, multi_hash, compositional, rows } = this.spec;
    const hashed = (j: number) => Number(((mix(key ^ xxh64(`hash ${j}`, SEED)) >> 32n) * BigInt(rows)) >> 32n);
    if (shared) return Array.from({ length: shared.lookups }, (_, j) => hashed(j));
    if (multi_hash) return Array.from({ length: multi_hash.hashes }, (_, j) => hashed(j));
    const { partitions: sizes, scheme, range } = compositional!;
    const id = Number(key % BigInt(range));
    return sizes.map((size, j) => {
      const before = sizes.slice(0, j);
      const digit = Math.floor(id / before.reduce((product, n) => product * n, 1)) % size;
      return before.reduce((sum, n) => sum + n, 0) + (scheme === "mixed_radix" ? digit : id % size);
    });
  }

  private row(store: string, number: number, dim: number, seed: bigint, one: boolean): number[] {
    const name = `${store} ${number}`;
    if (!this.rows.has(name)) {
      const drawn = drawWeights(BigInt(number), seed, this.spec.init, dim);
      this.rows.set(name, one ? drawn.map((w) => Math.fround(w + 1)) : drawn);
    }
    return this.rows.get(name)!;
  }

  private parts(key: bigint): { rows: number[][]; importance: number[] | null } {
    const { dim, compositional, multi_hash, shared } = this.spec;
    const numbers = this.rowNumbers(key);
    const concat = (shared ?? compositional)?.combine === "concat";
    const factors = compositional?.combine === "mult" ? compositional.partitions[0] : Number.POSITIVE_INFINITY;
    const rows = numbers.map((n) => this.row("pool", n, concat ? dim / numbers.length : dim, SEED, n >= factors));
    if (!multi_hash) return { rows, importance: null };
    const seed = xxh64("importance", SEED);
    const at = Number(key % BigInt(multi_hash.importance_rows));
    return { rows, importance: this.row("importance", at, multi_hash.hashes, seed, true) };
  }

  vector(key: bigint): number[] {
    const { rows, importance } = this.parts(key);
    const { dim, shared, compositional } = this.spec;
    const combine = (shared ?? compositional)?.combine;
    if (combine === "concat") return rows.flat();
    return Array.from({ length: dim }, (_, i) => {
      if (importance) return rows.reduce((sum, row, j) => sum + importance[j] * row[i], 0);
      return rows.reduce((x, row) => (combine === "mult" ? x * row[i] : x + row[i]), combine === "mult" ? 1 : 0);
    });
  }

  /** A step of all keys at once: all gradients are those at the weights before. */
  learn(keys: readonly bigint[], gradients: readonly number[][], rate: number): void {
    const steps = keys.flatMap((key, k) => this.stepsOf(key, gradients[k], rate));
    for (const { row, step } of steps) {
      step.forEach((x, i) => {
        row[i] -= x;
      });
    }
  }

  private stepsOf(key: bigint, d: readonly number[], rate: number): { row: number[]; step: number[] }[] {
    const { rows, importance } = this.parts(key);
    const combine = (this.spec.shared ?? this.spec.compositional)?.combine;
    const steps = rows.map((row, j) => {
      const others = (i: number) => rows.reduce((x, other, o) => (o === j ? x : x * other[i]), 1);
      const step = row.map((_, i) => {
        if (combine === "concat") return rate * d[j * row.length + i];
        if (importance) return rate * importance[j] * d[i];
        return rate * d[i] * (combine === "mult" ? others(i) : 1);
      });
      return { row, step };
    });
    if (!importance) return steps;
    const step = rows.map((row) => rate * row.reduce((sum, w, i) => sum + w * d[i], 0));
    return [...steps, { row: importance, step }];
  }
}

describe.each(Object.entries(shapes))("%s", (_, shape) => {
  it("equals a plain model, key by key", async () => {
    const encoding = await encodingOf({ ...shape, optimizer: { kind: "sgd", learning_rate: 0.1 } });
    const reference = new Reference(shape);
    const keys = Array.from({ length: 40 }, (_, i) => BigInt.asUintN(64, BigInt(i + 3) * 0xbf58476d1ce4e5b9n));
    for (let step = 0; step < 5; step++) {
      const batch = keys.filter((_, i) => (i * 7 + step) % 3 !== 0);
      const gradients = batch.map((_, k) =>
        Array.from({ length: shape.dim }, (_, i) => Math.fround(Math.sin(k + i + step))),
      );
      const vectors = await vectorsOf(encoding, batch);
      batch.forEach((key, k) => {
        reference.vector(key).forEach((w, i) => {
          expect(vectors[k * shape.dim + i]).toBeCloseTo(w, 4);
        });
      });
      await learn(encoding, batch, () => Float32Array.from(gradients.flat()));
      reference.learn(batch, gradients, 0.1);
    }
    await encoding.close();
  });
});

describe("partitions", () => {
  const sizes = fc.tuple(fc.integer({ min: 8, max: 300 }), fc.integer({ min: 2, max: 4 }));

  it.each(["mixed_radix", "chinese_remainder"] as const)(
    "%s: no two ids below the product have the same rows",
    (scheme) => {
      fc.assert(
        fc.property(sizes, ([rows, count]) => {
          const partitions = (scheme === "mixed_radix" ? equalRadices : chineseRemainders)(rows, count);
          fc.pre(partitions !== undefined);
          const range = Math.min(
            partitions.reduce((product, n) => product * n, 1),
            20_000,
          );
          const compositional = { partitions, scheme, combine: "add", range } as const;
          const reference = new Reference({ ...base, encoding: "compositional", compositional });
          const tuples = new Set(Array.from({ length: range }, (_, id) => reference.rowNumbers(BigInt(id)).join()));
          expect(tuples.size).toBe(range);
          expect(partitions.reduce((sum, n) => sum + n, 0)).toBeLessThanOrEqual(rows);
        }),
        { numRuns: 60 },
      );
    },
  );
});

it("digits behind 64 bits of others are 0: a product of partitions of 2^64 stopped the run", async () => {
  const partitions = Array<number>(5).fill(2 ** 16);
  const compositional = {
    partitions,
    scheme: "mixed_radix",
    combine: "add",
    range: Number.MAX_SAFE_INTEGER,
  } as const;
  const shape = { ...base, rows: 5 * 2 ** 16, encoding: "compositional", compositional } as const;
  const encoding = await encodingOf({ ...shape, optimizer: ftrl });
  const keys = [0n, 65_535n, 2n ** 53n - 2n, 2n ** 64n - 1n];
  const vectors = await vectorsOf(encoding, keys);
  const reference = new Reference(shape);
  for (const [k, key] of keys.entries())
    reference.vector(key).forEach((w, i) => {
      expect(vectors[k * base.dim + i]).toBeCloseTo(w, 5);
    });
  await encoding.close();
});

it("multiplied factors start near one, so that products keep the norm of their first row", async () => {
  const shape = shapes["three digits, multiplied"];
  const encoding = await encodingOf({ ...shape, optimizer: ftrl });
  const vectors = await vectorsOf(
    encoding,
    Array.from({ length: 60 }, (_, i) => BigInt(i * 37)),
  );
  const size = Math.sqrt(vectors.reduce((sum, x) => sum + x * x, 0) / vectors.length);
  expect(size).toBeGreaterThan(0.04);
  expect(size).toBeLessThan(0.09);
  await encoding.close();
});
