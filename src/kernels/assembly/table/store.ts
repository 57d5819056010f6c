// The rows of one table. hash: row = key mod rows, a bitmap says which rows were learned. exact: collision-free; rows lie in
// the order their keys came, each row = [key u64][state], and an index finds them:
//   a group = one 64-byte cache line = 12 tags (0x80 | 7 bits of the hash; 0 = free), 1 byte "a key of this group lies in a
//   later group", 3 bytes unused, 12 row numbers (u32). Groups are probed one after the other from the hash's group on.
// Between index and rows lies a bitmap of the rows that changed since the host last looked.
import { drawWeights, mix } from "./initial";
import { copyFloats } from "./lanes";
import { ensure, limit, workspace, workspaceEnd } from "./memory";
import { cradle, derive, dim, FTRL_GROUP, hold, initialise, kind, laneBytes, lanes, serving, weights } from "./optimizer";

export const NONE: u32 = 0xffffffff;

const GROUP_BYTES: u32 = 64;
const SLOTS: i32 = 0xfff;
const OVERFLOW: usize = 12;
/** Keys per group at most, on average: a load of 10/12. */
const GROUP_KEYS: u32 = 10;
/** Bytes of the bitmap of changed rows for each group of an exact table. */
const GROUP_CHANGES: u32 = 2;

export let exact: bool = false;
export let rowCount: u32 = 0;
export let rowCapacity: u32 = 0;
/** Bytes from one row to the next, and from a row's start to its state (8 where the key is stored). */
export let stride: usize = 0;
let head: usize = 0;
let seed: u64 = 0;
let init: f32 = 0;
let indexBase: usize = 0;
let groupMask: u32 = 0;
let changesBase: usize = 0;
let rowsBase: usize = 0;
export let tracking: bool = false;
/** hash tables with a power of two of rows: rows - 1, else 0. */
let rowMask: u64 = 0;
/** True where a new row's state is nothing but zeros, as its memory is already. */
let blank: bool = false;
/** Rows of a hash table from this one on start around 1 instead of 0: factors of a product. */
let unitFrom: u32 = NONE;
/** Keys whose index lines are brought into the cache together. */
const BLOCK: u32 = 128;
/** Kept where the compiler cannot see that nobody reads it. */
let warmth: u32 = 0;
/** State of a row that does not exist, to read its weights from. */
let unborn: usize = 0;

/**
 * Opens the table behind the workspace (take all workspace before). `stateBytes` = a row's bytes without its key; `rows` =
 * all rows (hash) or rows to reserve (exact, may be 0). False when the memory limit does not allow it.
 */
export function open(exact_: bool, rows: u32, stateBytes: u32, seed_: u64, init_: f32): bool {
  exact = exact_;
  seed = seed_;
  init = init_;
  blank = serving || (init == 0 && kind <= FTRL_GROUP && unitFrom == NONE);
  head = exact ? 8 : 0;
  stride = <usize>stateBytes + head;
  unborn = workspace(3 * laneBytes + 16);
  if (unborn == 0) return false;
  indexBase = workspaceEnd;
  return exact ? openExact(rows) : openHash(rows);
}

function openHash(rows: u32): bool {
  const bitmap = ((<u64>rows + 511) >> 9) << 6;
  const base = <u64>indexBase + 2 * bitmap;
  if (!ensure(base + <u64>rows * stride)) return false;
  changesBase = indexBase + <usize>bitmap;
  rowsBase = <usize>base;
  rowCapacity = rows;
  rowMask = (rows & (rows - 1)) == 0 ? rows - 1 : 0;
  return true;
}

function openExact(rows: u32): bool {
  rowCount = 0;
  rowCapacity = 0;
  groupMask = 0;
  changesBase = indexBase + GROUP_BYTES;
  rowsBase = changesBase + 64;
  return ensure(rowsBase) && reserve(rows);
}

/** Address of a row's optimizer state. Any `reserve` may move rows. */
@inline
export function rowPtr(row: u32): usize {
  return rowsBase + <usize>row * stride + head;
}

/** True once a hash table's row was learned (exact tables: any row that exists). */
@inline
export function isTouched(row: u32): bool {
  if (exact) return true;
  return <bool>((load<u8>(indexBase + (row >> 3)) >> (row & 7)) & 1);
}

/** The row of a key: hash: always one; exact: NONE where the key was never learned. Changes nothing. */
@inline
export function rowOf(key: u64): u32 {
  return exact ? find(key) : hashRow(key);
}

/** The row of a key, made if need be. exact: call `reserve` for enough new rows before. */
@inline
export function rowFor(key: u64): u32 {
  const row = rowOf(key);
  if (exact) return row == NONE ? append(key) : row;
  touch(row);
  return row;
}

/** `rowFor` where `rowOf` was asked before: the rows of a batch may have come since. */
@inline
export function claim(key: u64, row: u32): u32 {
  if (exact) return row == NONE ? rowFor(key) : row;
  touch(row);
  return row;
}

/** Writes the row of each of `count` keys (u64) to `out` (u32), NONE where an exact table has none. Changes nothing. */
export function rowsOf(keys: usize, count: u32, out: usize): void {
  for (let from: u32 = 0; from < count; from += BLOCK) {
    const to = min(from + BLOCK, count);
    if (exact) for (let u = from; u < to; u++) warmth += touchIndex(load<u64>(keys + (<usize>u << 3)));
    for (let u = from; u < to; u++) store<u32>(out + (<usize>u << 2), rowOf(load<u64>(keys + (<usize>u << 3))));
  }
}

/**
 * `rowFor` each of `count` keys (u64), but the rows start at the given weights, f32[count × dim], as if they had been drawn.
 * exact: call `reserve` before.
 */
export function plant(keys: usize, count: u32, given: usize): void {
  for (let u: u32 = 0; u < count; u++) {
    const row = rowFor(load<u64>(keys + (<usize>u << 3)));
    const w = serving ? unborn : cradle(rowPtr(row));
    memory.fill(w, 0, laneBytes);
    copyFloats(w, given + (<usize>u * dim << 2), dim);
    if (serving) hold(w, rowPtr(row));
    else initialise(rowPtr(row));
    note(row);
  }
}

/** out[lanes] = the weights of a key that was looked up: its row's, or the initial ones where nothing was learned yet. */
@inline
export function weightsOf(key: u64, row: u32, out: usize): void {
  if (row != NONE && isTouched(row)) weights(rowPtr(row), out);
  else initialWeights(exact ? key : <u64>row, out);
}

/**
 * out[lanes] = weights of a row never learned. They pass through the row's initial state, so that they are bit for bit
 * what the row gives once it exists.
 */
export function initialWeights(id: u64, out: usize): void {
  birth(id, unborn);
  derive(unborn, out);
}

/** Call before `open`. */
export function setUnitRows(from: u32): void {
  unitFrom = from;
}

function birth(id: u64, ptr: usize): void {
  const w = cradle(ptr);
  drawWeights(id, seed, init, dim, lanes, w);
  if (!exact && id >= <u64>unitFrom) addOne(w);
  initialise(ptr);
}

function addOne(w: usize): void {
  for (let at = w, end = w + (<usize>dim << 2); at < end; at += 4) store<f32>(at, load<f32>(at) + 1);
}

@inline
function hashRow(key: u64): u32 {
  return <u32>(rowMask ? key & rowMask : key % <u64>rowCapacity);
}

@inline
function touch(row: u32): void {
  if (isTouched(row)) return;
  const at = indexBase + (row >> 3);
  store<u8>(at, load<u8>(at) | (<u8>1 << <u8>(row & 7)));
  rowCount++;
  if (!blank) birth(<u64>row, rowPtr(row));
  note(row);
}

/** Notes that a row changes, for a host that tracks changes. */
@inline
export function note(row: u32): void {
  if (!tracking) return;
  const at = changesBase + (row >> 3);
  store<u8>(at, load<u8>(at) | (<u8>1 << <u8>(row & 7)));
}

/** Begins to note the rows that change. The host reads and clears the bitmap. */
export function track(): void {
  tracking = true;
}

export function changesAddress(): usize {
  return changesBase;
}

function find(key: u64): u32 {
  const hash = mix(key ^ seed);
  const tag = i8x16.splat(<i8>(hash >> 57) | <i8>0x80);
  let group = <u32>hash & groupMask;
  while (true) {
    const at = indexBase + <usize>group * GROUP_BYTES;
    let hits = i8x16.bitmask(i8x16.eq(v128.load(at), tag)) & SLOTS;
    while (hits) {
      const row = load<u32>(at + (<usize>ctz(hits) << 2), 16);
      if (load<u64>(rowsBase + <usize>row * stride) == key) return row;
      hits &= hits - 1;
    }
    if (load<u8>(at, OVERFLOW) == 0) return NONE;
    group = (group + 1) & groupMask;
  }
}

/** Reads a byte of the index line where the search for a key begins. */
@inline
export function touchIndex(key: u64): u32 {
  return load<u8>(indexBase + <usize>(<u32>mix(key ^ seed) & groupMask) * GROUP_BYTES);
}

/** Reads a byte of each cache line of the first row whose tag fits a key: nearly always the key's row. */
@inline
export function touchCandidate(key: u64): u32 {
  const hash = mix(key ^ seed);
  const tag = i8x16.splat(<i8>(hash >> 57) | <i8>0x80);
  const at = indexBase + <usize>(<u32>hash & groupMask) * GROUP_BYTES;
  const hits = i8x16.bitmask(i8x16.eq(v128.load(at), tag)) & SLOTS;
  return hits ? touchRow(load<u32>(at + (<usize>ctz(hits) << 2), 16)) : 0;
}

/** Reads a byte of each cache line of a row. */
@inline
export function touchRow(row: u32): u32 {
  const from = rowsBase + <usize>row * stride;
  let sum: u32 = 0;
  for (let at = from; at < from + stride; at += 64) sum += load<u8>(at);
  return sum;
}

/** Writes the weights w[lanes] of a replica's row, made if need be (exact: after `reserve`). */
export function put(key: u64, w: usize): void {
  hold(w, rowPtr(rowFor(key)));
}

function append(key: u64): u32 {
  const row = rowCount++;
  store<u64>(rowsBase + <usize>row * stride, key);
  if (!serving) birth(key, rowPtr(row));
  index(key, row);
  note(row);
  return row;
}

/** Enters a key that is not in the index yet. */
function index(key: u64, row: u32): void {
  const hash = mix(key ^ seed);
  let group = <u32>hash & groupMask;
  while (true) {
    const at = indexBase + <usize>group * GROUP_BYTES;
    const free = ~i8x16.bitmask(v128.load(at)) & SLOTS;
    if (free) {
      const slot = <usize>ctz(free);
      store<u8>(at + slot, <u8>(hash >> 57) | 0x80);
      store<u32>(at + (slot << 2), row, 16);
      return;
    }
    store<u8>(at, 1, OVERFLOW);
    group = (group + 1) & groupMask;
  }
}

/**
 * Makes room for `extra` new rows of an exact table; may move all rows. Returns false, with nothing changed, where the
 * memory limit or the host forbids it. Hash tables have all their rows from the start.
 */
export function reserve(extra: u32): bool {
  const needed = <u64>rowCount + extra;
  let groups = <u64>groupMask + 1;
  if (!exact || needed <= min(<u64>rowCapacity, groups * GROUP_KEYS)) return true;
  while (groups * GROUP_KEYS < needed) groups <<= 1;
  const base = (<u64>indexBase + groups * (GROUP_BYTES + GROUP_CHANGES) + 63) & ~63;
  const roomy = needed <= rowCapacity ? rowCapacity : max(needed, <u64>rowCapacity + (rowCapacity >> 4));
  const capacity = base + roomy * stride <= limit ? roomy : needed;
  if (needed >= NONE || !ensure(base + capacity * stride)) return false;
  rowCapacity = <u32>capacity;
  if (groups > <u64>groupMask + 1) regroup(<u32>groups, <usize>base);
  return true;
}

/** Moves the rows up to `base` and builds the index of `groups` groups, and the bitmap of changes, before them. */
function regroup(groups: u32, base: usize): void {
  memory.copy(base, rowsBase, <usize>rowCount * stride);
  rowsBase = base;
  groupMask = groups - 1;
  const before = changesBase;
  changesBase = indexBase + <usize>groups * GROUP_BYTES;
  const used = <usize>(rowCount + 7) >> 3;
  memory.copy(changesBase, before, used);
  memory.fill(changesBase + used, 0, rowsBase - changesBase - used);
  rebuild();
}

function rebuild(): void {
  memory.fill(indexBase, 0, changesBase - indexBase);
  for (let row: u32 = 0; row < rowCount; row++) index(load<u64>(rowsBase + <usize>row * stride), row);
}

/** Copies the bytes (key and state) of the rows whose u32 numbers lie at `list` to `out`, one after the other. */
export function packRows(list: usize, count: u32, out: usize): void {
  for (const end = list + (<usize>count << 2); list < end; list += 4, out += stride) {
    memory.copy(out, rowsBase + <usize>load<u32>(list) * stride, stride);
  }
}

/** Forgets a key: an exact table's last row moves into its place; a hash table's row predicts its initial weights again. */
export function remove(key: u64): bool {
  const row = rowOf(key);
  if (row == NONE || !isTouched(row)) return false;
  rowCount--;
  if (!exact) {
    const at = indexBase + (row >> 3);
    store<u8>(at, load<u8>(at) & ~(<u8>1 << <u8>(row & 7)));
    return true;
  }
  store<u8>(tagOf(key, row), 0);
  if (row == rowCount) return true;
  const last = rowsBase + <usize>rowCount * stride;
  const moved = tagOf(load<u64>(last), rowCount);
  store<u32>((moved & ~63) + ((moved & 63) << 2), row, 16);
  memory.copy(rowsBase + <usize>row * stride, last, stride);
  return true;
}

/** Address of the tag that leads to the row of a key that has one. */
function tagOf(key: u64, row: u32): usize {
  let group = <u32>mix(key ^ seed) & groupMask;
  while (true) {
    const at = indexBase + <usize>group * GROUP_BYTES;
    for (let slot: usize = 0; slot < 12; slot++) {
      if (load<u8>(at + slot) && load<u32>(at + (slot << 2), 16) == row) return at + slot;
    }
    group = (group + 1) & groupMask;
  }
}

/** exact: takes `count` rows whose bytes the host wrote from `rowsAddress()` on (after `reserve`), and indexes them. */
export function adoptRows(count: u32): void {
  rowCount = count;
  rebuild();
}

/** hash: counts the learned rows after the host wrote the bitmap and the state. */
export function adoptBitmap(): void {
  rowCount = 0;
  for (let at = indexBase; at < changesBase; at += 8) rowCount += <u32>popcnt(load<u64>(at));
}

export function rowsAddress(): usize {
  return rowsBase;
}

export function indexAddress(): usize {
  return indexBase;
}
