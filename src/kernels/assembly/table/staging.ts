// Rows of a serving exact table that change all at once, however many they are, though others read meanwhile. They are laid behind the rows
// there are, and entered in the index beside those they replace, where nobody sees them; then all are seen, in place of the others; then each
// is moved to where it belongs, and nobody sees a difference. Every call takes as long as its rows: others read in between.
//   [0, first) rows as they were | [first, newer) of new keys | [newer, gone) of keys that have one | [gone, end) of keys that lose theirs
import { copyFloats } from "./lanes";
import { find, index, see, touchIndex, unindex } from "./key-index";
import { keyAt, NONE, rowAt, rowPtr } from "./row-places";
import { heldBytes, hold, laneBytes } from "./row-state";
import { cutRows, nextRow, removeRow, rowCount, scratchState } from "./store";

let first: u32 = 0;
let newer: u32 = 0;
let gone: u32 = 0;
let end: u32 = 0;
/** The next staged row that is to be moved. */
let next: u32 = 0;
/** Kept where the compiler cannot see that nobody reads it. */
let warmth: u32 = 0;

/** Rows that come are not seen. There is room for all of them (`reserve`). */
export function beginStaging(): void {
  first = rowCount;
  newer = first;
  gone = first;
  see(first, 0, NONE);
}

/** Of `count` keys (u64) and their weights, f32[count × floats] at `given`, takes those that have no row. Before `stageChanged`. */
export function stageNew(keys: usize, count: u32, given: usize, floats: u32): void {
  stage(keys, count, given, floats, false);
  newer = rowCount;
  gone = newer;
}

/** Takes those of the keys that have a row: all of them come by here, too. Before `stageRemoved`. */
export function stageChanged(keys: usize, count: u32, given: usize, floats: u32): void {
  stage(keys, count, given, floats, true);
  gone = rowCount;
}

/** Takes `count` keys that will have no row; those that have none, or were staged, are passed over. */
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

/** The row of a key that was staged already. */
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

/** From now on all that was staged is seen. */
export function showStaged(): void {
  end = rowCount;
  next = newer;
  cutRows(newer);
  see(NONE, newer, gone);
}

/** Moves up to `most` staged rows to where they belong; false when that was the last of them. */
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
