// The weights of keys without a row: the initial ones, or those of a default row that they share.
import { initialWeights } from "./initial-rows";
import { find } from "./key-index";
import { isTouched } from "./learned-rows";
import { idOf } from "./numbered";
import { NONE, rowPtr } from "./row-places";
import { weights } from "./row-state";
import { exact } from "./store";

/**
 * The key of the default row, which is shared by keys that are not admitted. An actual id with this key is treated as
 * one of them.
 */
export const DEFAULT_KEY: u64 = 0xffffffffffffffff;

/** True if keys without a row have the default row's weights. */
let sharing: bool = false;

/** Keys without a row will have the default row's weights. Before `open`. */
export function shareDefault(): void {
  sharing = true;
}

/** The row whose weights are used for keys without a row: the default row, or NONE. */
@inline
export function rowInstead(): u32 {
  return sharing ? find(DEFAULT_KEY) : NONE;
}

/**
 * out[lanes] = the weights of a looked-up key: its row's, the default row's, or the initial ones if nothing was learned
 * yet.
 */
@inline
export function weightsOf(key: u64, row: u32, out: usize): void {
  if (row == NONE) row = rowInstead();
  if (row != NONE && isTouched(row)) weights(rowPtr(row), out);
  else initialWeights(exact ? idOf(key) : <u64>row, out);
}
