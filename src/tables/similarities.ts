import { PACKED, type RowStore } from "./row-store.js";
import type { Table } from "./table.js";

/**
 * Similarity of a store's rows to a vector: dot products with their weights, divided by the weights' norm if `cosine`.
 * @param query f32[dim]
 * @param count rows from `from` on, all below `rows`
 * @returns f32[count]; NaN for rows that were never learned
 */
export function similarities(
  { packing, layout, kernel, memory }: RowStore,
  query: Float32Array,
  cosine: boolean,
  { from, count }: { readonly from: number; readonly count: number },
): Float32Array {
  // The kernel reads four floats at a time, also of rows that have one.
  const lanes = Math.max(4, layout.lanes);
  const probe = packing + lanes * 4;
  const out = packing + lanes * 8;
  new Float32Array(memory.buffer, packing, lanes * 2).fill(0).set(query);
  const most = Math.floor((PACKED * (4 + layout.stride)) / 4) - lanes * 2;
  const all = new Float32Array(count);
  for (let at = 0; at < count; at += most) {
    const some = Math.min(most, count - at);
    kernel.similarities(packing, from + at, from + at + some, cosine ? 1 : 0, probe, out);
    all.set(new Float32Array(memory.buffer, out, some), at);
  }
  return all;
}

/** True if a key has a learned row of its own. */
export function hasRow({ kernel }: RowStore, key: bigint): boolean {
  const row = kernel.rowOf(key) >>> 0;
  return row !== 0xffffffff && kernel.isTouched(row) === 1;
}

/** True if a table's rows are identified by keys, so that they can be searched. */
export function hasKeyedRows({ stores, dense, spec }: Table): boolean {
  return dense.length === 0 && stores.length > 0 && stores.every((store) => store.keyed && store.spec.dim === spec.dim);
}
