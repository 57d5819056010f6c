// Models that learn event by event (lr, fm): a decoded batch, and the features of one event at a time. An event's
// features are its singles (x = 1), its bags' items (x = the item's weight, combined), and constant keys: numbers (x =
// the value) and the bias (x = 1). A feature with x = 0 or x = NaN is absent.
import { admittedRow, admitting } from "./admission";
import { markUsed, policy, sweep } from "./eviction";
import { beginEvent, metaBytes } from "./lifecycle";
import { workspace } from "./memory";
import { idOf } from "./numbered";
import { claim, makeRoomFor, rowFor } from "./new-rows";
import { laneBytes } from "./row-state";
import { keyAt, NONE, rowPtr, rowsAddress, stride } from "./row-places";
import {
  budgeted,
  exact,
  initialWeights,
  isTouched,
  late,
  note,
  reserve,
  rowCapacity,
  rowInstead,
  rowOf,
  tracking,
} from "./store";

/** Maximum number of events whose rows are prefetched together; a multiple of 8. */
export const WARM: u32 = 32;

/** Combiners, which convert a bag's weights w to values: w, w / sum(w), w / sqrt(sum(w^2)). */
const SUM: u32 = 0;
const MEAN: u32 = 1;

/**
 * A bag: addresses of its offsets u32[rows + 1], keys u64[items], weights f32[items] and looked-up rows; its combiner.
 */
const BAG_BYTES: usize = 20;
/** A constant feature: key u64, column of the numbers (NONE = the bias), looked-up row. */
const CONSTANT_BYTES: usize = 16;

/** The batch's copied parts, at the offsets of the decode layout. */
let region: usize = 0;
let keysAt: usize = 0;
let numbersAt: usize = 0;
let labelsAt: usize = 0;
let importanceAt: usize = 0;
let logitsAt: usize = 0;
export let singles: u32 = 0;
let columns: u32 = 0;
let bags: u32 = 0;
let bagsAt: usize = 0;
let constants: u32 = 0;
let constantsAt: usize = 0;

/** Number of events in the batch. */
export let batchRows: u32 = 0;
/** Whether the batch is learned, possibly except for some of its events. */
let batchLearns: bool = false;

/**
 * Features of the event last read: u32 state addresses, f32 values, f32[lanes] weights; with room for a multiple of 4.
 */
export let statesAt: usize = 0;
export let valuesAt: usize = 0;
export let weightsAt: usize = 0;
/** u32 per feature of the event last read: the number of its cell. */
export let cellsAt: usize = 0;
/** The largest |x| of the event last read, at least 1. */
export let largest: f32 = 1;
/** Exact tables: u32 per key of the batch, its row found by `makeRoom`, or NONE. */
let foundAt: usize = 0;
/** Maximum number of rows an event needs: its features, and the default row. */
let mostRows: u32 = 0;
/** True if the batch's new rows may not all fit: then each event reserves its own. */
let tight: bool = false;
/** u32 per feature of the next few events, consecutive: state addresses for `warm`. */
let aheadAt: usize = 0;
/** Bytes per event in it. */
let aheadBytes: usize = 0;
/** The same by feature, for WARM events each. */
let columnsAt: usize = 0;
/** Features without a row, while scoring: {u64 id, u32 feature} each. */
let unbornAt: usize = 0;
export let unborn: u32 = 0;

/**
 * Allocates the workspace for batches of up to `rows` rows: `bytes` bytes for the copied parts, `most` features per
 * event. Call before `open`, after `configureRow`. Returns the address of the copied parts, 0 if the memory limit is
 * exceeded.
 */
export function openEvents(
  rows: u32,
  bytes: usize,
  singles_: u32,
  columns_: u32,
  bags_: u32,
  constants_: u32,
  most: u32,
): usize {
  const room = (<usize>most + 3) & ~3;
  singles = singles_;
  mostRows = most + 1;
  columns = columns_;
  bags = bags_;
  constants = constants_;
  region = workspace(bytes);
  logitsAt = workspace((<usize>rows) << 2);
  bagsAt = workspace(<usize>bags * BAG_BYTES + 1);
  constantsAt = workspace(<usize>constants * CONSTANT_BYTES + 1);
  statesAt = workspace(room << 2);
  valuesAt = workspace(room << 2);
  cellsAt = workspace(room << 2);
  unbornAt = workspace(room << 4);
  aheadBytes = room << 2;
  aheadAt = workspace(aheadBytes * WARM);
  columnsAt = workspace(aheadBytes * WARM);
  foundAt = workspace((<usize>rows * most) << 2);
  weightsAt = workspace(room * laneBytes);
  if (weightsAt == 0) return 0;
  // Singles come first; each is a cell, with x always 1.
  for (let i: usize = 0; i < singles; i++) {
    store<f32>(valuesAt + (i << 2), 1);
    store<u32>(cellsAt + (i << 2), <u32>i);
  }
  return region;
}

/** Sets where the keys of the singles are, from event 0 on; those of events that are not read yet may come later. */
export function setKeys(at: usize): void {
  keysAt = at;
}

/** Sets the offsets of the parts in the decode layout, in bytes from the region's start. */
export function setParts(keys: usize, numbers: usize, labels: usize, importance: usize): void {
  keysAt = region + keys;
  numbersAt = region + numbers;
  labelsAt = region + labels;
  importanceAt = region + importance;
}

/** Describes bag `i`: byte offsets of its parts from the region's start, and its combiner. */
export function setBag(i: u32, offsets: usize, keys: usize, weights: usize, combiner: u32): void {
  const at = bagsAt + <usize>i * BAG_BYTES;
  store<u32>(at, <u32>(region + offsets));
  store<u32>(at, <u32>(region + keys), 4);
  store<u32>(at, <u32>(region + weights), 8);
  store<u32>(at, combiner, 16);
}

/** Describes constant feature `i`: its key, and its column of the numbers (0xffffffff = the bias). */
export function setConstant(i: u32, key: u64, column: u32): void {
  const at = constantsAt + <usize>i * CONSTANT_BYTES;
  store<u64>(at, key);
  store<u32>(at, column, 8);
}

/** Address of f32[rows]: the logits of the last `learn…` or `score…`. */
export function logits(): usize {
  return logitsAt;
}

@inline
export function setLogit(r: u32, logit: f32): void {
  store<f32>(logitsAt + ((<usize>r) << 2), logit);
}

@inline
export function labelOf(r: u32): f32 {
  return load<f32>(labelsAt + ((<usize>r) << 2));
}

@inline
export function importanceOf(r: u32): f32 {
  return load<f32>(importanceAt + ((<usize>r) << 2));
}

/**
 * Begins a batch. If it will be learned, finds its keys' rows in an exact table and reserves room for new ones. Returns
 * false, with nothing changed, if they do not fit. In a table with a budget this is decided by `enterEvent`: not every
 * occurrence of a new key creates a row, and rows can be displaced by then. Hash tables have all rows from the start.
 */
export function beginBatch(rows: u32, learning: bool): bool {
  batchRows = rows;
  batchLearns = learning;
  return !learning || !exact || makeRoom(rows);
}

function makeRoom(rows: u32): bool {
  if (metaBytes) sweep();
  let missing = findRows(keysAt, foundAt, rows * singles);
  let found = foundAt + ((<usize>(rows * singles)) << 2);
  for (let bag = bagsAt, end = bagsAt + <usize>bags * BAG_BYTES; bag < end; bag += BAG_BYTES) {
    const items = load<u32>(<usize>load<u32>(bag) + ((<usize>rows) << 2));
    store<u32>(bag, <u32>found, 12);
    missing += findRows(<usize>load<u32>(bag, 4), found, items);
    found += (<usize>items) << 2;
  }
  for (let i: u32 = 0; i < constants; i++) {
    const at = constantsAt + <usize>i * CONSTANT_BYTES;
    missing += findRows(at, at + 12, 1);
  }
  // One more than are missing, for the default row.
  const fits = reserve(missing + u32(admitting));
  tight = !fits;
  return fits || budgeted();
}

/** Begins to learn event r of the batch; false if an exact table has no room for the rows it may need. */
@inline
export function enterEvent(r: u32): bool {
  if (metaBytes) beginEvent(r);
  return !tight || makeRoomFor(mostRows, mostRows);
}

/** A loop of independent steps, so that cache misses overlap. Returns the number of keys without a row. */
function findRows(keys: usize, found: usize, count: u32): u32 {
  let missing: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const row = rowOf(load<u64>(keys + ((<usize>i) << 3)));
    store<u32>(found + ((<usize>i) << 2), row);
    missing += u32(row == NONE);
  }
  return missing;
}

/**
 * Reads event r's features and returns their number. When learning (after `makeRoom`) creates the rows they need;
 * scoring changes nothing.
 */
@inline
export function readEvent(r: u32, learning: bool): u32 {
  const first = r * singles;
  largest = 1;
  unborn = 0;
  for (let i: u32 = 0; i < singles; i++) {
    locate(i, keysAt + ((<usize>(first + i)) << 3), foundAt + ((<usize>(first + i)) << 2), learning);
  }
  return readValued(r, learning);
}

/**
 * `readEvent` for FTRL on a hash table with one-weight rows, whose number is a power of two: state addresses of singles
 * are computed from the keys alone. Rows never learned are zeros there: unless new rows are `blank`, call
 * `settleSingles`.
 */
@inline
export function readEventByMask(r: u32, learning: bool): u32 {
  largest = 1;
  unborn = 0;
  statesAt = aheadAt + <usize>(r % WARM) * aheadBytes;
  if (learning && tracking) noteSingles();
  return readValued(r, learning);
}

function noteSingles(): void {
  const base = rowsAddress();
  for (let at = statesAt, end = at + ((<usize>singles) << 2); at < end; at += 4)
    note(<u32>((<usize>load<u32>(at) - base) >> 3));
}

/** Sum of the loads in `warm`, stored so that they are not removed. */
let touched: u64 = 0;

/**
 * Prefetches the rows of the singles of events [from, to). First addresses are computed, then rows are loaded without
 * other work: that way many cache misses overlap, whereas an event has to wait for the one before it.
 */
export function warm(from: u32, to: u32): void {
  if (exact && !batchLearns) return;
  const first = from * singles;
  const end = aheadAt + ((<usize>(to * singles - first)) << 2);
  for (let at = aheadAt, i = <usize>first; at < end; at += 4, i++) {
    const row = exact ? load<u32>(foundAt + (i << 2)) : rowOf(load<u64>(keysAt + (i << 3)));
    store<u32>(at, <u32>rowPtr(row == NONE ? 0 : row));
  }
  let sum: u64 = 0;
  for (let at = aheadAt; at < end; at += 4) {
    const state = <usize>load<u32>(at);
    for (let line: usize = 0; line < stride; line += 64) sum ^= load<u8>(state + line);
  }
  touched = sum;
}

/**
 * `warm` for `readEventByMask`, which uses the state addresses left here. Loads go feature by feature: those of a field
 * with many ids, which mostly miss the cache, are consecutive, so that as many as the processor supports are in flight.
 */
export function warmByMask(from: u32, to: u32): void {
  const bytes = (<usize>singles) << 2;
  const mask = i32x4.splat(rowCapacity - 1),
    base = i32x4.splat(<i32>rowsAddress());
  const keysBytes = bytes << 1,
    rowBytes = aheadBytes;
  let at = aheadAt,
    list = columnsAt;
  // Events after the last one do no harm: any number, masked, is a row.
  for (let r = from; r < to; r += 4, at += rowBytes << 2, list += 16) {
    const keys = keysOf(r);
    for (let i: usize = 0; i < bytes; i += 16) {
      const key = keys + (i << 1);
      const a = statesOf(key, mask, base),
        b = statesOf(key + keysBytes, mask, base);
      const c = statesOf(key + (keysBytes << 1), mask, base),
        d = statesOf(key + 3 * keysBytes, mask, base);
      v128.store(at + i, a);
      v128.store(at + i + rowBytes, b);
      v128.store(at + i + (rowBytes << 1), c);
      v128.store(at + i + 3 * rowBytes, d);
      storeColumns(list + i * WARM, a, b, c, d);
    }
  }
  const events = (<usize>(to - from)) << 2;
  let sum: u32 = 0;
  for (let column = columnsAt, end = column + bytes * WARM; column < end; column += WARM << 2) {
    for (let at = column, last = column + events; at < last; at += 32) {
      sum ^= load<u8>(<usize>load<u32>(at)) ^ load<u8>(<usize>load<u32>(at, 4));
      sum ^= load<u8>(<usize>load<u32>(at, 8)) ^ load<u8>(<usize>load<u32>(at, 12));
      sum ^= load<u8>(<usize>load<u32>(at, 16)) ^ load<u8>(<usize>load<u32>(at, 20));
      sum ^= load<u8>(<usize>load<u32>(at, 24)) ^ load<u8>(<usize>load<u32>(at, 28));
    }
  }
  touched = sum;
}

/** Transposes the states of four features of four events. */
@inline
function storeColumns(to: usize, a: v128, b: v128, c: v128, d: v128): void {
  const lowAb = v128.shuffle<i32>(a, b, 0, 4, 1, 5),
    lowCd = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
  const highAb = v128.shuffle<i32>(a, b, 2, 6, 3, 7),
    highCd = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<i64>(lowAb, lowCd, 0, 2));
  v128.store(to + (WARM << 2), v128.shuffle<i64>(lowAb, lowCd, 1, 3));
  v128.store(to + (WARM << 3), v128.shuffle<i64>(highAb, highCd, 0, 2));
  v128.store(to + 12 * WARM, v128.shuffle<i64>(highAb, highCd, 1, 3));
}

/** States of four consecutive keys. */
@inline
function statesOf(keys: usize, mask: v128, base: v128): v128 {
  const rows = v128.shuffle<i32>(v128.load(keys), v128.load(keys, 16), 0, 2, 4, 6);
  return i32x4.add(base, i32x4.shl(v128.and(rows, mask), 3));
}

/**
 * After `readEventByMask`: creates those rows of event r's singles that do not exist yet (learning), or records that
 * they have none (scoring).
 */
export function settleSingles(r: u32, learning: bool): void {
  for (let i: u32 = 0; i < singles; i++) {
    const state = <usize>load<u32>(statesAt + ((<usize>i) << 2));
    if (load<f32>(state, 4) == 0) locate(i, keysOf(r) + ((<usize>i) << 3), 0, learning);
  }
}

@inline
function keysOf(r: u32): usize {
  return keysAt + ((<usize>(r * singles)) << 3);
}

/**
 * Stores the state address of feature i, whose key (and looked-up row, in an exact table) is at the given addresses.
 */
@inline
function locate(i: u32, keyAt: usize, found: usize, learning: bool): void {
  const key = load<u64>(keyAt);
  const state = learning
    ? stateToLearn(exact ? rowToLearn(key, load<u32>(found)) : late ? rowOf(key) : rowFor(key))
    : bornState(i, key);
  store<u32>(statesAt + ((<usize>i) << 2), <u32>state);
}

/** The row of a key whose row was `found` when the batch began: an event since then may have displaced it. */
@inline
function rowToLearn(key: u64, found: u32): u32 {
  if (policy && found != NONE && keyAt(found) != key) found = NONE;
  const row = admitting ? admittedRow(key, found) : claim(key, found);
  if (metaBytes) markUsed(row);
  return row;
}

@inline
function stateToLearn(row: u32): usize {
  note(row);
  return rowPtr(row);
}

/**
 * The state address of a key's row when scoring, or 0, with an entry for `fillUnborn`, if nothing was learned for it.
 */
function bornState(i: u32, key: u64): usize {
  let row = rowOf(key);
  if (exact && row == NONE) row = rowInstead();
  if (row != NONE && isTouched(row)) return rowPtr(row);
  const at = unbornAt + ((<usize>unborn) << 4);
  unborn++;
  store<u64>(at, exact ? idOf(key) : <u64>row);
  store<u32>(at, i, 8);
  return 0;
}

/** Writes the initial weights of those features of the event that have no row (scoring). */
@inline
export function fillUnborn(): void {
  for (let u: u32 = 0; u < unborn; u++) {
    const at = unbornAt + ((<usize>u) << 4);
    initialWeights(load<u64>(at), weightsAt + <usize>load<u32>(at, 8) * laneBytes);
  }
}

/** Reads the features after the singles; returns the number of all features. */
@inline
function readValued(r: u32, learning: bool): u32 {
  let count = singles;
  for (let i: u32 = 0; i < bags; i++) count = readBag(i, r, count, learning);
  for (let i: u32 = 0; i < constants; i++) {
    const at = constantsAt + <usize>i * CONSTANT_BYTES;
    const column = load<u32>(at, 8);
    const x: f32 = column == NONE ? 1 : load<f32>(numbersAt + ((<usize>(r * columns + column)) << 2));
    count = addValued(count, singles + bags + i, at, at + 12, x, learning);
  }
  return count;
}

function readBag(b: u32, r: u32, count: u32, learning: bool): u32 {
  const bag = bagsAt + <usize>b * BAG_BYTES;
  const offsets = <usize>load<u32>(bag) + ((<usize>r) << 2);
  const from = <usize>load<u32>(offsets);
  const to = <usize>load<u32>(offsets, 4);
  const keys = <usize>load<u32>(bag, 4);
  const weights = <usize>load<u32>(bag, 8);
  const found = <usize>load<u32>(bag, 12);
  const divisor = divisorOf(weights + (from << 2), weights + (to << 2), load<u32>(bag, 16));
  for (let i = from; i < to; i++) {
    const x: f32 = divisor == 0 ? 0 : load<f32>(weights + (i << 2)) / divisor;
    count = addValued(count, singles + b, keys + (i << 3), found + (i << 2), x, learning);
  }
  return count;
}

function divisorOf(from: usize, to: usize, combiner: u32): f32 {
  if (combiner == SUM) return 1;
  let sum: f32 = 0;
  for (let at = from; at < to; at += 4) {
    const w = load<f32>(at);
    sum += combiner == MEAN ? w : w * w;
  }
  return combiner == MEAN ? sum : sqrt<f32>(sum);
}

/** Adds a feature unless it is absent; returns the new number of features. */
@inline
function addValued(count: u32, cell: u32, keyAt: usize, found: usize, x: f32, learning: bool): u32 {
  if (x == 0 || x != x) return count;
  largest = max<f32>(largest, abs<f32>(x));
  store<f32>(valuesAt + ((<usize>count) << 2), x);
  store<u32>(cellsAt + ((<usize>count) << 2), cell);
  locate(count, keyAt, found, learning);
  return count + 1;
}
