import type { StoreSpec } from "./spec.js";

/** The rows of one store, kept where they need no memory. */
export interface KeptRows {
  /** How many there are. */
  readonly count: number;
  /**
   * Reads rows; what is not there is passed over.
   * @param keys what they are known by, ascending
   * @param take told of every row, by its key's place: the bytes of f32[dim], valid until it returns
   * @throws HashbrookError row_store_damaged
   */
  read(keys: BigUint64Array, take: (place: number, weights: Uint8Array) => void): void | Promise<void>;
}

/** Keeps the rows of a model's stores, and says how many of them may be in memory. */
export interface RowKeeper {
  rowsOf(spec: StoreSpec): KeptRows;
  /** Takes room in memory; false where there is none left. */
  takeRoom(bytes: number): boolean;
}
