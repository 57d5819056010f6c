// Atomic changes of any number of rows of a serving exact table, while others read. New rows are appended behind the
// existing ones, and entered in the index beside those they replace, invisibly; then a switch makes all of them
// visible, in place of the others; then each is moved to its final place, without a visible difference. The duration of
// a call is proportional to its rows: others can read between calls.
// [0, first) existing rows | [first, newer) of new keys | [newer, gone) of keys that have a row | [gone, end) of keys
// to remove
import { copyFloats } from "./lanes";
import { find, index, see, touchIndex, unindex } from "./key-index";
import { keyAt, NONE, rowAt, rowPtr } from "./row-places";
import { heldBytes, hold, laneBytes } from "./row-state";
import { scratchState } from "./initial-rows";
import { removeRow } from "./removal";
import { setRowCount, nextRow, rowCount } from "./store";

let first: u32 = 0;
let newer: u32 = 0;
let gone: u32 = 0;
let end: u32 = 0;
/** The next staged row to be moved. */
let next: u32 = 0;
/** Sum of prefetched bytes, stored so that the compiler does not remove the loads. */
let warmth: u32 = 0;

/** Starts staging: rows added from now on are invisible. There must be room for all of them (`reserve`). */
export function beginStaging(): void {
  first = rowCount;
  newer = first;
  gone = first;
  see(first, 0, NONE);
}

/**
 * Stages those of `count` keys (u64) that have no row, with their weights, f32[count × floats] at `given`. Call for all
 * keys before `stageChanged`.
 */
export function stageNew(keys: usize, count: u32, given: usize, floats: u32): void {
  stage(keys, count, given, floats, false);
  newer = rowCount;
  gone = newer;
}

/** Stages those of the keys that have a row; call for all keys again, before `stageRemoved`. */
export function stageChanged(keys: usize, count: u32, given: usize, floats: u32): void {
  stage(keys, count, given, floats, true);
  gone = rowCount;
}

/** Stages the removal of `count` keys; keys without a row, or staged before, are skipped. */
export function stageRemoved(keys: usize, count: u32): void {
  for (const last = keys + ((<usize>count) << 3); keys < last; keys += 8) {
    const key = load<u64>(keys);
    if (find(key) != NONE && stagedRow(key) == NONE) append(key);
  }
}

function stage(keys: usize, count: u32, given: usize, floats: u32, changed: bool): void {
  for (let u: u32 = 0; u < count; u++) warmth += touchIndex(load<u64>(keys + ((<usize>u) << 3)));
  for (let u: u32 = 0; u < count; u++) {
    const key = load<u64>(keys + ((<usize>u) << 3));
    if ((find(key) != NONE) != changed) continue;
    const staged = stagedRow(key);
    const row = staged == NONE ? append(key) : staged;
    memory.fill(scratchState, 0, laneBytes);
    copyFloats(scratchState, given + ((<usize>u * floats) << 2), floats);
    hold(scratchState, rowPtr(row));
  }
}

/** The row of a key that was staged before. */
function stagedRow(key: u64): u32 {
  see(NONE, first, NONE);
  const row = find(key);
  see(first, 0, NONE);
  return row == NONE || row < first ? NONE : row;
}

function append(key: u64): u32 {
  const row = nextRow();
  store<u64>(rowAt(row), key);
  index(key, row);
  return row;
}

/** Makes everything staged visible. */
export function showStaged(): void {
  end = rowCount;
  next = newer;
  setRowCount(newer);
  see(NONE, newer, gone);
}

/** Moves up to `most` staged rows to their final places; false if the last one was moved. */
export function settleStaged(most: u32): bool {
  for (const to = min(end, next + most); next < to; next++) {
    const key = keyAt(next);
    unindex(key, next);
    const row = find(key);
    if (next < gone) memory.copy(rowPtr(row), rowPtr(next), heldBytes());
    else removeRow(row);
  }
  if (next < end) return true;
  see(NONE, 0, NONE);
  return false;
}
