// The features of one event of a batch (event-batch.ts): the states of their rows, their values and weights. A feature
// with x = 0 or x = NaN is absent.
import { admittedRow, admitting } from "./admission";
import { note, tracking } from "./changed-rows";
import { rowInstead } from "./default-row";
import {
  BAG_BYTES,
  bags,
  bagsAt,
  columns,
  CONSTANT_BYTES,
  constants,
  constantsAt,
  foundAt,
  keysAt,
  keysOf,
  numbersAt,
  openEventBatch,
  singles,
} from "./event-batch";
import { markUsed, policy } from "./eviction";
import { initialWeights } from "./initial-rows";
import { isTouched, late } from "./learned-rows";
import { metaBytes } from "./lifecycle";
import { workspace } from "./memory";
import { claim, rowFor } from "./new-rows";
import { idOf } from "./numbered";
import { openPrefetch, prefetchedStates } from "./prefetch";
import { laneBytes } from "./row-state";
import { keyAt, NONE, rowPtr, rowsAddress } from "./row-places";
import { exact, rowOf } from "./store";

/** Combiners, which convert a bag's weights w to values: w, w / sum(w), w / sqrt(sum(w^2)). */
const SUM: u32 = 0;
const MEAN: u32 = 1;

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
/** Features without a row, while scoring: {u64 id, u32 feature} each. */
let rowlessAt: usize = 0;
export let rowless: u32 = 0;

/**
 * Allocates the workspace for batches of up to `rows` rows: `bytes` bytes for the copied parts, `most` features per
 * event. Call before `open`, after `configureRow`. Returns the address of the copied parts, 0 if the memory limit is
 * exceeded.
 */
export function openEvents(
  rows: u32,
  bytes: usize,
  singles: u32,
  columns: u32,
  bags: u32,
  constants: u32,
  most: u32,
): usize {
  const room = (<usize>most + 3) & ~3;
  const region = openEventBatch(rows, bytes, singles, columns, bags, constants, most);
  statesAt = workspace(room << 2);
  valuesAt = workspace(room << 2);
  cellsAt = workspace(room << 2);
  rowlessAt = workspace(room << 4);
  weightsAt = workspace(room * laneBytes);
  if (!openPrefetch(room)) return 0;
  // Singles come first; each is a cell, with x always 1.
  for (let i: usize = 0; i < singles; i++) {
    store<f32>(valuesAt + (i << 2), 1);
    store<u32>(cellsAt + (i << 2), <u32>i);
  }
  return region;
}

/**
 * Reads event r's features and returns their number. When learning (after `makeRoom`) creates the rows they need;
 * scoring changes nothing.
 */
@inline
export function readEvent(r: u32, learning: bool): u32 {
  const first = r * singles;
  largest = 1;
  rowless = 0;
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
  rowless = 0;
  statesAt = prefetchedStates(r);
  if (learning && tracking) noteSingles();
  return readValued(r, learning);
}

function noteSingles(): void {
  const base = rowsAddress();
  for (let at = statesAt, end = at + ((<usize>singles) << 2); at < end; at += 4)
    note(<u32>((<usize>load<u32>(at) - base) >> 3));
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

/**
 * Stores the state address of feature i, whose key (and looked-up row, in an exact table) is at the given addresses.
 */
@inline
function locate(i: u32, keyAt: usize, found: usize, learning: bool): void {
  const key = load<u64>(keyAt);
  const state = learning
    ? stateToLearn(exact ? rowToLearn(key, load<u32>(found)) : late ? rowOf(key) : rowFor(key))
    : stateToScore(i, key);
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
 * The state address of a key's row when scoring, or 0, with an entry for `fillRowless`, if nothing was learned for it.
 */
function stateToScore(i: u32, key: u64): usize {
  let row = rowOf(key);
  if (exact && row == NONE) row = rowInstead();
  if (row != NONE && isTouched(row)) return rowPtr(row);
  const at = rowlessAt + ((<usize>rowless) << 4);
  rowless++;
  store<u64>(at, exact ? idOf(key) : <u64>row);
  store<u32>(at, i, 8);
  return 0;
}

/** Writes the initial weights of those features of the event that have no row (scoring). */
@inline
export function fillRowless(): void {
  for (let u: u32 = 0; u < rowless; u++) {
    const at = rowlessAt + ((<usize>u) << 4);
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
