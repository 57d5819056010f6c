import { rowLayout } from "../core/row-layout.js";
import { type OptimizerSpec, optimizerOf } from "../optimizers/index.js";
import type { EncodingBase, StoreSpec } from "./spec.js";

/** Bytes of one row of a store, without the index. */
export function rowBytes({ encoding, dim, optimizer, eviction, precision }: StoreSpec): number {
  return rowLayout(encoding, dim, optimizerOf(optimizer.kind).slots, precision, eviction).stride;
}

/** Bytes of a cell of an admission filter. */
export const FILTER_CELL_BYTES = 4;

/** Bytes of a store's admission filter (see src/tables/lifecycle.ts). */
export function filterBytes({ admission }: Pick<StoreSpec, "admission">): number {
  return (admission?.filter_capacity ?? 0) * FILTER_CELL_BYTES;
}

/**
 * Bytes of an exact store's index: a power of two of groups with at most ten rows each, and two bytes of bitmap per
 * group. Rounded up to cache lines.
 */
export const exactIndexBytes = (rows: number): number =>
  64 * Math.ceil((66 * 2 ** Math.ceil(Math.log2(Math.max(1, rows / 10)))) / 64);

/** Bytes of a store's index; a fixed one has two bitmaps, rounded up to cache lines. */
function indexBytes({ encoding, rows }: StoreSpec): number {
  return encoding === "hash" ? 128 * Math.ceil(rows / 512) : exactIndexBytes(rows);
}

/** Total bytes of a store. */
export const storeBytes = (store: StoreSpec): number => store.rows * rowBytes(store) + indexBytes(store);

/** The store with a fixed number of rows for an encoding. */
export const fixedStore = (spec: EncodingBase): StoreSpec => ({ ...spec, encoding: "hash" });

/** Most bytes an exact store can take, its admission filter included. */
export const exactBytes = (spec: Omit<StoreSpec, "encoding">): number =>
  spec.budget ?? storeBytes({ ...spec, encoding: "exact" }) + filterBytes(spec);

/** Bytes of dense weights with optimizer state. */
export function denseBytes(weights: number, optimizer: OptimizerSpec): number {
  return 4 * optimizerOf(optimizer.kind).slots.reduce((sum, { shared }) => sum + (shared ? 4 : weights), 0);
}
