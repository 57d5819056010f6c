import { describe, expect, it } from "vitest";
import type { EncodingSpec } from "../../src/spec/compiled.js";
import { type DistilOptions, distil, type Fit, openDistilled, teach } from "../../src/warm-start/distil.js";

const base = { name: "ids", dim: 4, init: 0.01, seed: "00000000000000ab" } as const;
const optimizer = { kind: "adagrad", learning_rate: 0.05, initial_accumulator: 0, epsilon: 1e-10 } as const;
const keys = BigUint64Array.from({ length: 3000 }, (_, i) => BigInt.asUintN(64, BigInt(i + 1) * 0x9e3779b97f4a7c15n));
const vectors = Float32Array.from({ length: keys.length * 4 }, (_, i) => Math.fround(Math.sin(i)));

const complete = (spec: Omit<EncodingSpec, keyof typeof base | "optimizer">): EncodingSpec => ({
  ...base,
  optimizer,
  ...spec,
});

/** A new encoding that has learned the vectors, and its error. */
async function taught(spec: Omit<EncodingSpec, keyof typeof base | "optimizer">, options: Partial<DistilOptions> = {}) {
  const encoding = await openDistilled(complete(spec), "onnxruntime");
  const rest = { passes: 12, seed: 1, runtime: "onnxruntime", ...options } as const;
  return { encoding, error: await distil(encoding, complete(spec), { keys, vectors }, rest) };
}

describe("transferring vectors", () => {
  it("copies them exactly into an exact table", async () => {
    const { encoding, error } = await taught({ encoding: "exact", rows: 16 });
    expect(error).toBe(0);
    expect((await teach(encoding, keys)).vectors).toEqual(vectors);
  });

  it("copies them exactly into an exact table over several memories", async () => {
    const { encoding, error } = await taught({ encoding: "exact", rows: 16, shards: 3 });
    expect(error).toBe(0);
    expect((await teach(encoding, keys)).vectors).toEqual(vectors);
    expect(encoding.stores.map(({ rows }) => rows > 900)).toEqual([true, true, true]);
  });

  it("learns them in tables with room for every key, better with more passes", async () => {
    const fits: Fit[] = [];
    const shared = { lookups: 2, combine: "sum" } as const;
    const { error } = await taught({ encoding: "shared", rows: 12_000, shared }, { onPass: (fit) => fits.push(fit) });
    expect(fits).toHaveLength(12);
    expect(fits[11].error).toBe(error);
    expect(error).toBeLessThan(0.1);
    expect(error).toBeLessThan(fits[3].error);
  });

  it("approximates them as far as shared rows allow: the mean of colliding keys", async () => {
    const { error } = await taught({ encoding: "hash", rows: 1000 }, { passes: 20 });
    const sums = new Map<bigint, { count: number; sum: number[] }>();
    keys.forEach((key, k) => {
      const row = sums.get(key % 1000n) ?? { count: 0, sum: [0, 0, 0, 0] };
      sums.set(key % 1000n, { count: row.count + 1, sum: row.sum.map((x, i) => x + vectors[k * 4 + i]) });
    });
    let [apart, all] = [0, 0];
    keys.forEach((key, k) => {
      const { count, sum } = sums.get(key % 1000n)!;
      for (let i = 0; i < 4; i++) apart += (vectors[k * 4 + i] - sum[i] / count) ** 2;
      for (let i = 0; i < 4; i++) all += vectors[k * 4 + i] ** 2;
    });
    const best = Math.sqrt(apart / all);
    expect(error).toBeGreaterThanOrEqual(best - 1e-6);
    expect(error).toBeLessThan(best * 1.02);
  });

  it("is deterministic for a seed, to the byte", async () => {
    const blocks = async () => {
      const { encoding } = await taught({ encoding: "hash", rows: 1000 }, { passes: 2, seed: 7 });
      return encoding.blocks().map(({ data }) => data.slice());
    };
    expect(await blocks()).toEqual(await blocks());
  });
});
