// A decoded batch of a model that learns event by event. An event's features are its singles (x = 1), its bags' items (x
// = the item's weight, combined), and constant keys: numbers (x = the value) and the bias (x = 1). In an exact table,
// the rows of a batch's keys are found when it begins.
import { admitting } from "./admission";
import { sweep } from "./eviction";
import { beginEvent, metaBytes } from "./lifecycle";
import { workspace } from "./memory";
import { makeRoomFor } from "./new-rows";
import { NONE } from "./row-places";
import { budgeted, exact, reserve, rowOf } from "./store";

/**
 * A bag: addresses of its offsets u32[rows + 1], keys u64[items], weights f32[items] and looked-up rows; its combiner.
 */
export const BAG_BYTES: usize = 20;
/** A constant feature: key u64, column of the numbers (NONE = the bias), looked-up row. */
export const CONSTANT_BYTES: usize = 16;

/** The batch's copied parts, at the offsets of the decode layout. */
let region: usize = 0;
export let keysAt: usize = 0;
export let numbersAt: usize = 0;
let labelsAt: usize = 0;
let importanceAt: usize = 0;
let logitsAt: usize = 0;
export let singles: u32 = 0;
export let columns: u32 = 0;
export let bags: u32 = 0;
export let bagsAt: usize = 0;
export let constants: u32 = 0;
export let constantsAt: usize = 0;

/** Number of events in the batch. */
export let batchRows: u32 = 0;
/** Whether the batch is learned, possibly except for some of its events. */
export let batchLearns: bool = false;

/** Exact tables: u32 per key of the batch, its row found by `makeRoom`, or NONE. */
export let foundAt: usize = 0;
/** Maximum number of rows an event needs: its features, and the default row. */
let mostRows: u32 = 0;
/** True if the batch's new rows may not all fit: then each event reserves its own. */
let tight: bool = false;

/**
 * Allocates the workspace for batches of up to `rows` rows: `bytes` bytes for the copied parts, `most` features per
 * event. Returns the address of the copied parts, 0 if the memory limit is exceeded.
 */
export function openEventBatch(
  rows: u32,
  bytes: usize,
  singles_: u32,
  columns_: u32,
  bags_: u32,
  constants_: u32,
  most: u32,
): usize {
  singles = singles_;
  mostRows = most + 1;
  columns = columns_;
  bags = bags_;
  constants = constants_;
  region = workspace(bytes);
  logitsAt = workspace((<usize>rows) << 2);
  bagsAt = workspace(<usize>bags * BAG_BYTES + 1);
  constantsAt = workspace(<usize>constants * CONSTANT_BYTES + 1);
  foundAt = workspace((<usize>rows * most) << 2);
  return foundAt ? region : 0;
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

/** Address of the keys of event r's singles. */
@inline
export function keysOf(r: u32): usize {
  return keysAt + ((<usize>(r * singles)) << 3);
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
