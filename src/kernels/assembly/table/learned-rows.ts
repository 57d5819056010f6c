// Which rows of a hash table were learned: a bitmap where an exact table has its index. An exact table's rows exist only
// because they were learned.
import { changesBase, note, startTracking, tracking } from "./changed-rows";
import { blank, makeState } from "./initial-rows";
import { indexBase } from "./key-index";
import { rowPtr, rowsBase, stride } from "./row-places";
import { exact, rowCapacity, rowCount, setRowCount } from "./store";

/**
 * True if rows are marked as learned late, by `settleMarks`: they start as zeros, so any other state was learned. This
 * saves a cache miss for the mark when a row is first learned.
 */
export let late: bool = false;
/** True if a learned row may not be marked yet. */
let unsettled: bool = false;

/** True if a hash table's row was learned (exact tables: for every existing row). */
@inline
export function isTouched(row: u32): bool {
  if (exact || (late && load<u64>(rowPtr(row)))) return true;
  return <bool>((load<u8>(indexBase + (row >> 3)) >> (row & 7)) & 1);
}

/**
 * Rows of 8 bytes that start as zeros are marked late; after the first update of one, call `countLearned`. Before
 * `open`.
 */
export function markLate(): void {
  late = true;
}

/** Rows of another size or start are marked when they are touched, whatever `markLate` asked for. */
export function confirmLate(): void {
  late = late && blank && !exact && stride == 8;
}

/** Counts rows that were updated for the first time, from a state of all zeros. */
@inline
export function countLearned(rows: u32): void {
  setRowCount(rowCount + rows);
  unsettled = true;
}

/**
 * Marks the rows that were learned since the last call, and counts all. The host calls it before it reads marks or
 * changes.
 */
export function settleMarks(): void {
  if (!unsettled) return;
  unsettled = false;
  if (tracking) markChanged();
  else for (let mark: usize = 0, end = marks(); mark < end; mark++) markEight(mark);
  adoptBitmap();
}

function markChanged(): void {
  for (let mark: usize = 0, end = marks(); mark < end; mark++) if (load<u8>(changesBase + mark)) markEight(mark);
}

/** Bytes of the marks. */
@inline
function marks(): usize {
  return (<usize>rowCapacity + 7) >> 3;
}

/** Marks those of eight rows that are not zeros; memory behind the last row is zero. */
@inline
function markEight(mark: usize): void {
  const row = rowsBase + (mark << 6);
  const a = v128.load(row),
    b = v128.load(row, 16),
    c = v128.load(row, 32),
    d = v128.load(row, 48);
  if (!v128.any_true(v128.or(v128.or(a, b), v128.or(c, d)))) return;
  const zero = i64x2.splat(0);
  const low = i64x2.bitmask(i64x2.ne(a, zero)) | (i64x2.bitmask(i64x2.ne(b, zero)) << 2);
  const high = i64x2.bitmask(i64x2.ne(c, zero)) | (i64x2.bitmask(i64x2.ne(d, zero)) << 2);
  store<u8>(indexBase + mark, load<u8>(indexBase + mark) | low | (high << 4));
}

/** Marks a hash table's row as learned, and creates it if it was not. */
@inline
export function touch(row: u32): void {
  if (isTouched(row)) return;
  const at = indexBase + (row >> 3);
  store<u8>(at, load<u8>(at) | ((<u8>1) << (<u8>(row & 7))));
  setRowCount(rowCount + 1);
  if (!blank) makeState(<u64>row, rowPtr(row));
  note(row);
}

/** Marks a hash table's row as not learned: it predicts its initial weights again. */
export function forget(row: u32): void {
  setRowCount(rowCount - 1);
  const at = indexBase + (row >> 3);
  store<u8>(at, load<u8>(at) & ~((<u8>1) << (<u8>(row & 7))));
}

/** Starts marking changed rows. */
export function track(): void {
  settleMarks();
  startTracking();
}

/** hash: counts the learned rows after the host wrote the bitmap and the state. */
export function adoptBitmap(): void {
  let learned: u32 = 0;
  for (let at = indexBase; at < changesBase; at += 8) learned += <u32>popcnt(load<u64>(at));
  setRowCount(learned);
}
