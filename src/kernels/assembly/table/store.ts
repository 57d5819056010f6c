// The rows of one table in memory: index | bitmap of changed rows | rows. hash: row = key mod rows; where the index
// would be is a bitmap of learned rows. exact: collision-free; rows are stored in the order in which their keys arrived,
// and found by an index (key-index.ts). Rows that can be evicted have eviction data (eviction.ts) between key and state.
import { changesBase, placeChanges } from "./changed-rows";
import {
  find,
  FULL_GROUP_KEYS,
  GROUP_BYTES,
  GROUP_KEYS,
  groupMask,
  index,
  indexBase,
  placeIndex,
  setGroups,
  touchIndex,
} from "./key-index";
import { metaBytes } from "./lifecycle";
import { ensure, limit } from "./memory";
import { idOf } from "./numbered";
import { keyAt, NONE, placeRows, rowsBase, setRowBytes, stride } from "./row-places";

/** Bytes of the bitmap of changed rows per group of an exact table. */
const GROUP_CHANGES: u32 = 2;

export let exact: bool = false;
export let rowCount: u32 = 0;
export let rowCapacity: u32 = 0;
/** Capacity of rows and index, in rows, without growing. */
export let room: u32 = 0;
/** Bytes for index, changes and rows that an exact table allocates at once and never exceeds; 0: it grows. */
let budget: u64 = 0;
/** hash tables with a power of two of rows: rows - 1, else 0. */
let rowMask: u64 = 0;
/** Number of keys whose index lines are prefetched together. */
const BLOCK: u32 = 128;
/** Sum of prefetched bytes, stored so that the compiler does not remove the loads. */
let warmth: u32 = 0;

/** Sets the bytes that an exact table allocates at once and never exceeds. Before `open`. */
export function setBudget(bytes: f64): void {
  budget = <u64>bytes;
}

/** Decides how rows are found, and their bytes; `stateBytes` = a row's without its key and eviction data. */
export function setRows(exact_: bool, stateBytes: u32): void {
  exact = exact_;
  const head: usize = exact ? 8 + metaBytes : 0;
  setRowBytes(<usize>stateBytes + head, head);
}

/** Lays out the table from `at` on; `rows` as for `open`. False if the memory limit is exceeded. */
export function openStore(at: usize, rows: u32): bool {
  placeIndex(at);
  return exact ? openExact(rows) : openHash(rows);
}

function openHash(rows: u32): bool {
  const bitmap = ((<u64>rows + 511) >> 9) << 6;
  const base = <u64>indexBase + 2 * bitmap;
  if (!ensure(base + <u64>rows * stride)) return false;
  placeChanges(indexBase + <usize>bitmap);
  placeRows(<usize>base);
  setCapacity(rows);
  return true;
}

/** Sets the number of rows that there is room for; in a hash table, of all rows. */
export function setCapacity(rows: u32): void {
  rowCapacity = rows;
  rowMask = (rows & (rows - 1)) == 0 ? rows - 1 : 0;
}

function openExact(rows: u32): bool {
  rowCount = 0;
  rowCapacity = 0;
  setGroups(1);
  placeChanges(indexBase + GROUP_BYTES);
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
  placeChanges(indexBase + (<usize>groupMask + 1) * GROUP_BYTES);
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

/** The row of a key. hash: always one; exact: NONE if the key was never learned. Changes nothing. */
@inline
export function rowOf(key: u64): u32 {
  return exact ? find(idOf(key)) : hashRow(key);
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

@inline
function hashRow(key: u64): u32 {
  return <u32>(rowMask ? key & rowMask : key % <u64>rowCapacity);
}

/** The number of a new row, behind the others. There must be room for it. */
@inline
export function nextRow(): u32 {
  return rowCount++;
}

/** Sets the number of rows. Rows behind them are dropped, and must no longer be in the index. */
@inline
export function setRowCount(count: u32): void {
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
  placeChanges(indexBase + <usize>groups * GROUP_BYTES);
  const used = <usize>(rowCount + 7) >> 3;
  memory.copy(changesBase, before, used);
  memory.fill(changesBase + used, 0, rowsBase - changesBase - used);
  rebuild();
}

function rebuild(): void {
  memory.fill(indexBase, 0, changesBase - indexBase);
  for (let row: u32 = 0; row < rowCount; row++) index(keyAt(row), row);
}

/** exact: adds `count` rows whose bytes the host wrote from `rowsAddress()` on (after `reserve`), and indexes them. */
export function adoptRows(count: u32): void {
  setRowCount(count);
  rebuild();
}
