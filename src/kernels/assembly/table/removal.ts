// Removes rows, and tells the host their keys.
import { note } from "./changed-rows";
import { renumber, unindex } from "./key-index";
import { forget, isTouched } from "./learned-rows";
import { noteRemoved, removedAddress } from "./lifecycle";
import { keyAt, NONE, rowAt, stride } from "./row-places";
import { exact, rowCount, rowOf, setRowCount } from "./store";

/** True if a key itself was learned. */
function has(key: u64): bool {
  const row = rowOf(key);
  return row != NONE && isTouched(row);
}

/**
 * Removes a key: an exact table's last row moves to its place; a hash table's row predicts its initial weights again.
 */
export function remove(key: u64): bool {
  if (!has(key)) return false;
  const row = rowOf(key);
  if (exact) removeRow(row);
  else {
    forget(row);
    noteRemoved(row);
  }
  return true;
}

/** Removes an exact table's row; the last row moves to its place. */
export function removeRow(row: u32): void {
  const key = keyAt(row);
  unindex(key, row);
  noteRemoved(key);
  setRowCount(rowCount - 1);
  if (row == rowCount) return;
  renumber(keyAt(rowCount), rowCount, row);
  memory.copy(rowAt(row), rowAt(rowCount), stride);
  note(row);
}

/**
 * Keeps those of the first `count` collected keys (lifecycle.ts) that have no row, moved together; returns how many.
 */
export function keepAbsent(count: u32): u32 {
  const from = removedAddress();
  let kept = from;
  for (let at = from, end = from + ((<usize>count) << 3); at < end; at += 8) {
    const key = load<u64>(at);
    store<u64>(kept, key);
    kept += (<usize>!has(key)) << 3;
  }
  return <u32>((kept - from) >> 3);
}
