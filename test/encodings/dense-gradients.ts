import { expect } from "vitest";
import { Rng } from "../../src/core/rng.js";
import type { Encoding } from "../../src/tables/encoding.js";
import { vectorsOf } from "./encoding.contract.js";

/** Distinct hashed keys. */
export function keysOf(count: number, first = 1): bigint[] {
  return Array.from({ length: count }, (_, i) => BigInt.asUintN(64, BigInt(first + i) * 0x9e3779b97f4a7c15n));
}

export function randomFloats(seed: number, count: number): Float32Array {
  const rng = new Rng(seed);
  return Float32Array.from({ length: count }, () => 2 * rng.uniform() - 1);
}

export function copyBlocks(encoding: Encoding): Map<string, Uint8Array> {
  return new Map(encoding.blocks().map(({ name, data }) => [name, data.slice()]));
}

export function restoreBlocks(encoding: Encoding, blocks: ReadonlyMap<string, Uint8Array>): void {
  encoding.restore(new Map([...blocks].map(([name, data]) => [name, { data }])));
}

/** Copies the learned state of a trainer's encoding to a replica's. */
export function publish(from: Encoding, to: Encoding): void {
  from.dense.forEach((optimizer, i) => {
    const weights = to.dense[i].parameters();
    for (const [name, { data }] of Object.entries(optimizer.parameters())) weights[name].data.set(data);
    to.dense[i].written();
  });
  from.stores.forEach((store, i) => {
    to.stores[i].put(store.weightsOfRows(store.rowsFrom(0, store.capacity)));
  });
}

/**
 * Compares the gradients of every dense weight with central differences of sum(c · vectors) over a training batch. In f32 a
 * difference over ±h of a sum of size s is off by about 6e-8 · s / h and h² / 6 times the third derivative: within 2 % of the
 * largest gradient at h = 1/256.
 */
export async function checkDenseGradients(encoding: Encoding, keys: readonly bigint[]): Promise<void> {
  const c = randomFloats(5, keys.length * encoding.dim);
  const objective = async () => (await vectorsOf(encoding, keys, "learn")).reduce((sum, v, i) => sum + v * c[i], 0);
  await vectorsOf(encoding, keys, "learn");
  encoding.gradients.set(c);
  await encoding.backward();
  const [optimizer] = encoding.dense;
  const found = Object.entries(optimizer.gradients()).map(([name, { data }]) => [name, data.slice()] as const);
  for (const [name, gradients] of found) {
    const weights = optimizer.parameters()[name].data;
    const largest = Math.max(...gradients.map(Math.abs));
    for (let i = 0; i < weights.length; i += Math.ceil(weights.length / 12)) {
      const difference = await centralDifference(weights, i, objective);
      expect(Math.abs(difference - gradients[i]) / largest, `${name}[${i}]`).toBeLessThan(0.02);
    }
  }
}

export async function centralDifference(
  weights: Float32Array,
  i: number,
  objective: () => Promise<number>,
): Promise<number> {
  const [original, step] = [weights[i], 1 / 256];
  weights[i] = original + step;
  const above = await objective();
  weights[i] = original - step;
  const below = await objective();
  weights[i] = original;
  return (above - below) / (2 * step);
}
