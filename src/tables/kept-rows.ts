import type { StoreSpec } from "./spec.js";

/** The rows of one store, stored outside of memory. */
export interface KeptRows {
  /** Number of rows. */
  readonly count: number;
  /**
   * Reads rows, skipping missing ones.
   * @param keys keys or row numbers, ascending
   * @param take called for every row found, with its key's index and the bytes of f32[dim], valid until it returns
   * @throws HashbrookError row_store_damaged
   */
  read(keys: BigUint64Array, take: (place: number, weights: Uint8Array) => void): void | Promise<void>;
}

/** Stores the rows of a model's stores, and limits how many of them may be in memory. */
export interface RowKeeper {
  rowsOf(spec: StoreSpec): KeptRows;
  /** Requests memory; false if the limit is reached. */
  takeRoom(bytes: number): boolean;
}
