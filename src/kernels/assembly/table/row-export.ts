// Learned rows as keys and weights, in the order of their numbers.
import { isTouched } from "./learned-rows";
import { keyAt, rowPtr } from "./row-places";
import { weights } from "./row-state";
import { exact } from "./store";

/** The row behind the last one that `exportRows` has read. */
export let nextExported: u32 = 0;

/**
 * Reads learned rows from row `first` on, before row `end`, and at most `most`: writes their keys (hash: row numbers) to
 * `keys`, u64 each, and their weights to `out`, f32[rows × floats], behind which there must be space for padding.
 * Returns their number.
 */
export function exportRows(first: u32, end: u32, most: u32, keys: usize, out: usize, floats: u32): u32 {
  let count: u32 = 0;
  let row = first;
  for (; row < end && count < most; row++) {
    if (!isTouched(row)) continue;
    store<u64>(keys + ((<usize>count) << 3), exact ? keyAt(row) : <u64>row);
    weights(rowPtr(row), out + ((<usize>count * floats) << 2));
    count++;
  }
  nextExported = row;
  return count;
}
