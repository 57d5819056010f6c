// The rows of one table. hash: row = key mod rows, with a bitmap of learned rows. exact: collision-free; rows are
// stored in the order in which their keys arrived, and found by an index (key-index.ts). Between index and rows is a
// bitmap of the rows changed since the host last read it. Rows that can be evicted have eviction data (eviction.ts)
// between key and state.
import { drawWeights } from "./initial";
import {
  find,
  FULL_GROUP_KEYS,
  goneFrom,
  GROUP_BYTES,
  GROUP_KEYS,
  groupMask,
  hiddenFrom,
  index,
  indexBase,
  newerFrom,
  placeIndex,
  renumber,
  secret,
  see,
  seedIndex,
  setGroups,
  touchIndex,
  unindex,
} from "./key-index";
import { metaBytes, noteRemoved, removedAddress } from "./lifecycle";
import { idOf } from "./numbered";
import { ensure, limit, workspace, workspaceEnd } from "./memory";
import { keyAt, NONE, placeRows, rowAt, rowPtr, rowsBase, setRowBytes, stride } from "./row-places";
import { derive, dim, initialAt, initialise, laneBytes, lanes, serving, takeSingle, weights } from "./row-state";
import { derives } from "./optimizers/index";

/**
 * The key of the default row, which is shared by keys that are not admitted. An actual id with this key is treated as
 * one of them.
 */
export const DEFAULT_KEY: u64 = 0xffffffffffffffff;

/** Bytes of the bitmap of changed rows per group of an exact table. */
const GROUP_CHANGES: u32 = 2;

export let exact: bool = false;
export let rowCount: u32 = 0;
export let rowCapacity: u32 = 0;
/** Capacity of rows and index, in rows, without growing. */
export let room: u32 = 0;
/** Bytes for index, changes and rows that an exact table allocates at once and never exceeds; 0: it grows. */
let budget: u64 = 0;
/** True if keys without a row have the default row's weights. */
let sharing: bool = false;
let seed: u64 = 0;
let init: f32 = 0;
let changesBase: usize = 0;
export let tracking: bool = false;
/** hash tables with a power of two of rows: rows - 1, else 0. */
let rowMask: u64 = 0;
/** True if a new row's state is all zeros, as its memory already is. */
export let blank: bool = false;
/** Rows of a hash table from this one on are initialised around 1 instead of 0: factors of a product. */
let unitFrom: u32 = NONE;
/** Number of keys whose index lines are prefetched together. */
const BLOCK: u32 = 128;
/** Sum of prefetched bytes, stored so that the compiler does not remove the loads. */
let warmth: u32 = 0;
/** State memory for computing the weights of a row that does not exist. */
export let scratchState: usize = 0;
/**
 * True if rows are marked as learned late, by `settleMarks`: they start as zeros, so any other state was learned. This
 * saves a cache miss for the mark when a row is first learned.
 */
export let late: bool = false;
/** True if a learned row may not be marked yet. */
let unsettled: bool = false;

/** Keys without a row will have the default row's weights. Before `open`. */
export function shareDefault(): void {
  sharing = true;
}

/** Sets the bytes that an exact table allocates at once and never exceeds. Before `open`. */
export function setBudget(bytes: f64): void {
  budget = <u64>bytes;
}

/**
 * Opens the table behind the workspace, all of which must be allocated before. `stateBytes` = a row's bytes without its
 * key; `rows` = all rows (hash) or rows to reserve (exact, may be 0). False if the memory limit is exceeded.
 */
export function open(exact_: bool, rows: u32, stateBytes: u32, seed_: u64, init_: f32): bool {
  if (!describe(exact_, stateBytes, seed_, init_)) return false;
  placeIndex(workspaceEnd);
  return exact ? openExact(rows) : openHash(rows);
}

/** Uses a table that another instance over the same memory opened, and described at `at` (`share`), for reading. */
export function attach(exact_: bool, stateBytes: u32, seed_: u64, init_: f32, at: usize): bool {
  if (!describe(exact_, stateBytes, seed_, init_)) return false;
  refresh(at);
  return true;
}

function describe(exact_: bool, stateBytes: u32, seed_: u64, init_: f32): bool {
  exact = exact_;
  seed = seed_;
  init = init_;
  blank = serving || (init == 0 && derives() && unitFrom == NONE);
  const head: usize = exact ? 8 + metaBytes : 0;
  setRowBytes(<usize>stateBytes + head, head);
  late = late && blank && !exact && stride == 8;
  scratchState = workspace(3 * laneBytes + 16);
  return takeSingle() && scratchState != 0;
}

/** The table's description for instances that read it: values that change, or were set by its opener. */
@unmanaged
class SharedTable {
  secret: u64;
  indexBase: usize;
  changesBase: usize;
  rowsBase: usize;
  rowCount: u32;
  rowCapacity: u32;
  groupMask: u32;
  hiddenFrom: u32;
  newerFrom: u32;
  goneFrom: u32;
}

/** Writes the description to `at`, for other instances over this memory, while none of them reads. */
export function share(at: usize): void {
  const shared = changetype<SharedTable>(at);
  shared.secret = secret;
  shared.indexBase = indexBase;
  shared.changesBase = changesBase;
  shared.rowsBase = rowsBase;
  shared.rowCount = rowCount;
  shared.rowCapacity = rowCapacity;
  shared.groupMask = groupMask;
  shared.hiddenFrom = hiddenFrom;
  shared.newerFrom = newerFrom;
  shared.goneFrom = goneFrom;
}

/** Reads the description; call after every change of the table. */
export function refresh(at: usize): void {
  const shared = changetype<SharedTable>(at);
  seedIndex(shared.secret);
  placeIndex(shared.indexBase);
  changesBase = shared.changesBase;
  placeRows(shared.rowsBase);
  rowCount = shared.rowCount;
  rowCapacity = shared.rowCapacity;
  setGroups(shared.groupMask + 1);
  see(shared.hiddenFrom, shared.newerFrom, shared.goneFrom);
  rowMask = (rowCapacity & (rowCapacity - 1)) == 0 ? rowCapacity - 1 : 0;
}

function openHash(rows: u32): bool {
  const bitmap = ((<u64>rows + 511) >> 9) << 6;
  const base = <u64>indexBase + 2 * bitmap;
  if (!ensure(base + <u64>rows * stride)) return false;
  changesBase = indexBase + <usize>bitmap;
  placeRows(<usize>base);
  rowCapacity = rows;
  rowMask = (rows & (rows - 1)) == 0 ? rows - 1 : 0;
  return true;
}

function openExact(rows: u32): bool {
  rowCount = 0;
  rowCapacity = 0;
  setGroups(1);
  changesBase = indexBase + GROUP_BYTES;
  placeRows(changesBase + 64);
  return ensure(rowsBase) && (budget ? takeBudget() : reserve(rows));
}

/**
 * Lays out index and rows over the whole budget, in the proportion with the largest capacity. Untouched pages cost
 * nothing.
 */
function takeBudget(): bool {
  const bytes = min(budget, limit - min(limit, <u64>indexBase));
  let most: u64 = 0;
  for (let groups: u64 = 1; groups * (GROUP_BYTES + GROUP_CHANGES) < bytes; groups <<= 1) {
    const rows = rowsBeside(groups, bytes);
    if (rows <= most) continue;
    most = rows;
    setGroups(<u32>groups);
  }
  rowCapacity = <u32>most;
  room = rowCapacity;
  changesBase = indexBase + (<usize>groupMask + 1) * GROUP_BYTES;
  placeRows(<usize>baseOf(<u64>groupMask + 1));
  return most > 0 && ensure(rowsBase + most * stride);
}

/** Number of rows that fit beside a number of groups. */
function rowsBeside(groups: u64, bytes: u64): u64 {
  const before = baseOf(groups) - indexBase;
  return before < bytes ? min(groups * FULL_GROUP_KEYS, (bytes - before) / stride) : 0;
}

/** Offset of the rows behind an index of a number of groups. */
@inline
function baseOf(groups: u64): u64 {
  return (<u64>indexBase + groups * (GROUP_BYTES + GROUP_CHANGES) + 63) & ~63;
}

/** True for an exact table with a budget. */
export function budgeted(): bool {
  return budget > 0;
}

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

/** Counts rows that were updated for the first time, from a state of all zeros. */
@inline
export function countLearned(rows: u32): void {
  rowCount += rows;
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

/** The row of a key. hash: always one; exact: NONE if the key was never learned. Changes nothing. */
@inline
export function rowOf(key: u64): u32 {
  return exact ? find(idOf(key)) : hashRow(key);
}

/** True if a key itself was learned. */
export function has(key: u64): bool {
  const row = rowOf(key);
  return row != NONE && isTouched(row);
}

/**
 * Writes the row of each of `count` keys (u64) to `out` (u32), NONE for keys that an exact table does not have. Changes
 * nothing.
 */
export function rowsOf(keys: usize, count: u32, out: usize): void {
  for (let from: u32 = 0; from < count; from += BLOCK) {
    const to = min(from + BLOCK, count);
    if (exact) for (let u = from; u < to; u++) warmth += touchIndex(load<u64>(keys + ((<usize>u) << 3)));
    for (let u = from; u < to; u++) store<u32>(out + ((<usize>u) << 2), rowOf(load<u64>(keys + ((<usize>u) << 3))));
  }
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

/**
 * out[lanes] = weights of a row never learned. They are computed through the row's initial state, so that they equal
 * bit for bit what the row returns once it exists.
 */
export function initialWeights(id: u64, out: usize): void {
  makeState(id, scratchState);
  derive(scratchState, out);
}

/** Call before `open`. */
export function setUnitRows(from: u32): void {
  unitFrom = from;
}

/** Creates the state of a new row. */
export function makeState(id: u64, ptr: usize): void {
  const w = initialAt(ptr);
  drawWeights(id, seed, init, dim, lanes, w);
  if (unitFrom != NONE && id >= <u64>unitFrom) addOne(w);
  initialise(ptr);
}

function addOne(w: usize): void {
  for (let at = w, end = w + ((<usize>dim) << 2); at < end; at += 4) store<f32>(at, load<f32>(at) + 1);
}

@inline
function hashRow(key: u64): u32 {
  return <u32>(rowMask ? key & rowMask : key % <u64>rowCapacity);
}

/** Marks a hash table's row as learned, and creates it if it was not. */
@inline
export function touch(row: u32): void {
  if (isTouched(row)) return;
  const at = indexBase + (row >> 3);
  store<u8>(at, load<u8>(at) | ((<u8>1) << (<u8>(row & 7))));
  rowCount++;
  if (!blank) makeState(<u64>row, rowPtr(row));
  note(row);
}

/** Marks a row as changed, if the host tracks changes. */
@inline
export function note(row: u32): void {
  if (!tracking) return;
  const at = changesBase + (row >> 3);
  store<u8>(at, load<u8>(at) | ((<u8>1) << (<u8>(row & 7))));
}

/** Starts marking changed rows. The host reads and clears the bitmap. */
export function track(): void {
  settleMarks();
  tracking = true;
}

export function changesAddress(): usize {
  return changesBase;
}

/** The number of a new row, behind the others. There must be room for it. */
@inline
export function nextRow(): u32 {
  return rowCount++;
}

/** Drops the last `count` rows, which must no longer be in the index. */
export function cutRows(count: u32): void {
  rowCount = count;
}

/**
 * Reserves room for `extra` new rows of an exact table; may move all rows. Returns false, with nothing changed, if the
 * memory limit or the host forbids it. Hash tables have all rows from the start.
 */
export function reserve(extra: u32): bool {
  const needed = <u64>rowCount + extra;
  let groups = <u64>groupMask + 1;
  if (!exact || needed <= room) return true;
  if (budget) return false;
  while (groups * GROUP_KEYS < needed) groups <<= 1;
  const base = baseOf(groups);
  const roomy = needed <= rowCapacity ? rowCapacity : max(needed, <u64>rowCapacity + (rowCapacity >> 4));
  const capacity = base + roomy * stride <= limit ? roomy : needed;
  if (needed >= NONE || !ensure(base + capacity * stride)) return false;
  rowCapacity = <u32>capacity;
  if (groups > <u64>groupMask + 1) regroup(<u32>groups, <usize>base);
  room = <u32>min(capacity, groups * GROUP_KEYS);
  return true;
}

/** Moves the rows up to `base` and builds the index of `groups` groups, and the bitmap of changes, before them. */
function regroup(groups: u32, base: usize): void {
  memory.copy(base, rowsBase, <usize>rowCount * stride);
  placeRows(base);
  setGroups(groups);
  const before = changesBase;
  changesBase = indexBase + <usize>groups * GROUP_BYTES;
  const used = <usize>(rowCount + 7) >> 3;
  memory.copy(changesBase, before, used);
  memory.fill(changesBase + used, 0, rowsBase - changesBase - used);
  rebuild();
}

function rebuild(): void {
  memory.fill(indexBase, 0, changesBase - indexBase);
  for (let row: u32 = 0; row < rowCount; row++) index(keyAt(row), row);
}

/**
 * Removes a key: an exact table's last row moves to its place; a hash table's row predicts its initial weights again.
 */
export function remove(key: u64): bool {
  if (!has(key)) return false;
  const row = rowOf(key);
  if (exact) removeRow(row);
  else {
    rowCount--;
    const at = indexBase + (row >> 3);
    store<u8>(at, load<u8>(at) & ~((<u8>1) << (<u8>(row & 7))));
    noteRemoved(row);
  }
  return true;
}

/** Removes an exact table's row; the last row moves to its place. */
export function removeRow(row: u32): void {
  const key = keyAt(row);
  unindex(key, row);
  noteRemoved(key);
  rowCount--;
  if (row == rowCount) return;
  renumber(keyAt(rowCount), rowCount, row);
  memory.copy(rowAt(row), rowAt(rowCount), stride);
  note(row);
}

/** exact: adds `count` rows whose bytes the host wrote from `rowsAddress()` on (after `reserve`), and indexes them. */
export function adoptRows(count: u32): void {
  rowCount = count;
  rebuild();
}

/** hash: counts the learned rows after the host wrote the bitmap and the state. */
export function adoptBitmap(): void {
  rowCount = 0;
  for (let at = indexBase; at < changesBase; at += 8) rowCount += <u32>popcnt(load<u64>(at));
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
