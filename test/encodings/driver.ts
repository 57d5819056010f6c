import type { SavedBlocks } from "../../src/core/blocks.js";
import type { Encoding, EncodingOptions } from "../../src/tables/encoding.js";
import type { RowStore } from "../../src/tables/row-store.js";

export const CAPACITY = 32;
export const OPTIONS: EncodingOptions = {
  capacity: CAPACITY,
  learns: true,
  serving: false,
  runtime: "onnxruntime",
};
const CLOCK = { time: 0, examples: 0 };

/** f32[keys × dim]: the vectors of distinct keys. */
export async function vectorsOf(
  encoding: Encoding,
  keys: readonly bigint[],
  mode: "learn" | "score" = "score",
): Promise<Float32Array> {
  encoding.keys.set(keys);
  await encoding.gather(keys.length, mode, CLOCK);
  return encoding.vectors.slice(0, keys.length * encoding.dim);
}

/** One learning batch; returns the vectors before the step. */
export async function learn(
  encoding: Encoding,
  keys: readonly bigint[],
  gradients: Float32Array,
): Promise<Float32Array> {
  const vectors = await vectorsOf(encoding, keys, "learn");
  encoding.gradients.set(gradients);
  await encoding.backward();
  encoding.apply();
  return vectors;
}

/** `count` distinct keys out of `ids`, in any order. */
export function distinctKeys(ids: readonly bigint[], count: number, roll: (n: number) => number): bigint[] {
  return [...new Set(Array.from({ length: count }, () => ids[roll(ids.length)]))];
}

/** Gradients between -1 and 1. */
export function gradientsFor(count: number, roll: (n: number) => number): Float32Array {
  return Float32Array.from({ length: count }, () => (roll(2000) - 1000) / 1000);
}

export function savedBlocks(encoding: Encoding): SavedBlocks & Map<string, { data: Uint8Array }> {
  return new Map(encoding.blocks().map(({ name, data }) => [name, { data: data.slice() }]));
}

/** Stores, with their changes from now on. */
export const changesOf = (stores: readonly RowStore[]) => stores.map((store) => ({ store, changes: store.changes() }));

/** Applies the changes of a trainer's stores to a replica's, by name; evicted rows are `gone`. */
export function applyChanges(
  trainer: ReturnType<typeof changesOf>,
  replica: readonly RowStore[],
  gone: (store: RowStore) => BigUint64Array,
): void {
  trainer.forEach(({ store, changes }, i) => {
    replica[i].remove(gone(store));
    replica[i].put(store.weightsOfRows(changes.take()));
  });
}
