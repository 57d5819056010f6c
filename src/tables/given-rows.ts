import type { RowStore } from "./row-store.js";
import { PACKED, type RowChunk } from "./rows.js";

/**
 * Copies keys (or numbers) and weights of rows into a store's memory, `PACKED` of them at a time.
 * @param use called with the address of the keys (u64 each), their number, the address of the weights (f32[count ×
 *   dim]), and the first one's index in the chunk
 */
export function eachGiven(
  { memory, packing, layout: { dim } }: Pick<RowStore, "memory" | "packing" | "layout">,
  { keys, weights }: RowChunk,
  use: (at: number, count: number, given: number, from: number) => void,
): void {
  const given = packing + PACKED * 8;
  for (let from = 0; from < keys.length; from += PACKED) {
    const some = keys.subarray(from, from + PACKED);
    const floats = weights.subarray(from * dim, (from + some.length) * dim);
    new BigUint64Array(memory.buffer, packing, PACKED).set(some);
    new Float32Array(memory.buffer, given, floats.length).set(floats);
    use(packing, some.length, given, from);
  }
}
