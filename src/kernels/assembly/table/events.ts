// Models that learn event by event (lr, fm): a batch as decode left it, and the features of one event at a time.
// An event's features are its singles (x = 1), its bags' items (x = the item's weight, combined), and constant keys: numbers
// (x = the value) and the bias (x = 1). A feature with x = 0 or x = NaN is absent.
import { workspace } from "./memory";
import { laneBytes } from "./optimizer";
import { exact, initialWeights, isTouched, NONE, reserve, rowCapacity, rowCount, rowFor, rowOf, rowPtr } from "./store";

/** How a bag's weights w become values: w, w / sum(w), w / sqrt(sum(w^2)). */
const SUM: u32 = 0;
const MEAN: u32 = 1;

/** A bag's offsets u32[rows + 1], keys u64[items] and weights f32[items] (addresses), and its combiner. */
const BAG_BYTES: usize = 16;
/** A constant's key u64 and its column of the numbers, or NONE for the bias. */
const CONSTANT_BYTES: usize = 16;

/** The copied parts of the batch, at the offsets decode's layout gives them. */
let region: usize = 0;
let keysAt: usize = 0;
let numbersAt: usize = 0;
let labelsAt: usize = 0;
let importanceAt: usize = 0;
let logitsAt: usize = 0;
let singles: u32 = 0;
let columns: u32 = 0;
let bags: u32 = 0;
let bagsAt: usize = 0;
let constants: u32 = 0;
let constantsAt: usize = 0;

/** The features of the event last read: u32 state addresses, f32 values, f32[lanes] weights; room for a multiple of 4. */
export let statesAt: usize = 0;
export let valuesAt: usize = 0;
export let weightsAt: usize = 0;
/** The largest |x| of the event last read, at least 1. */
export let largest: f32 = 1;
/** Features without a row, while scoring: {u64 id, u32 feature} each. */
let unbornAt: usize = 0;
let unborn: u32 = 0;

/**
 * Takes the workspace for batches of up to `rows` rows: `bytes` bytes for the copied parts, `most` features an event.
 * Call before `open`, after `configureRow`. Returns the address of the copied parts, 0 when the memory limit forbids it.
 */
export function openEvents(rows: u32, bytes: usize, singles_: u32, columns_: u32, bags_: u32, constants_: u32, most: u32): usize {
  const room = (<usize>most + 3) & ~3;
  singles = singles_;
  columns = columns_;
  bags = bags_;
  constants = constants_;
  region = workspace(bytes);
  logitsAt = workspace(<usize>rows << 2);
  bagsAt = workspace(<usize>bags * BAG_BYTES + 1);
  constantsAt = workspace(<usize>constants * CONSTANT_BYTES + 1);
  statesAt = workspace(room << 2);
  valuesAt = workspace(room << 2);
  unbornAt = workspace(room << 4);
  weightsAt = workspace(room * laneBytes);
  return weightsAt == 0 ? 0 : region;
}

/** Where decode's layout has the parts: byte offsets from the region's start. */
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
  store<u32>(at, combiner, 12);
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
  store<f32>(logitsAt + (<usize>r << 2), logit);
}

@inline
export function labelOf(r: u32): f32 {
  return load<f32>(labelsAt + (<usize>r << 2));
}

@inline
export function importanceOf(r: u32): f32 {
  return load<f32>(importanceAt + (<usize>r << 2));
}

/** Makes room in an exact table for the batch's new keys; false, with nothing changed, where they do not fit. */
export function makeRoom(rows: u32): bool {
  if (!exact) return true;
  let keys = rows * singles + constants;
  for (let i: u32 = 0; i < bags; i++) keys += bagItems(i, rows);
  if (keys <= rowCapacity - rowCount) return true;
  let missing = missingOf(keysAt, rows * singles) + constants;
  for (let i: u32 = 0; i < bags; i++) {
    missing += missingOf(<usize>load<u32>(bagsAt + <usize>i * BAG_BYTES, 4), bagItems(i, rows));
  }
  return reserve(missing);
}

function bagItems(i: u32, rows: u32): u32 {
  return load<u32>(<usize>load<u32>(bagsAt + <usize>i * BAG_BYTES) + (<usize>rows << 2));
}

function missingOf(keys: usize, count: u32): u32 {
  let missing: u32 = 0;
  for (let i: u32 = 0; i < count; i++) missing += u32(rowOf(load<u64>(keys + (<usize>i << 3))) == NONE);
  return missing;
}

/** Reads event r's features and returns their number. Learning makes the rows they need; scoring changes nothing. */
@inline
export function readEvent(r: u32, learning: bool): u32 {
  largest = 1;
  unborn = 0;
  const keys = keysAt + ((<usize>r * singles) << 3);
  for (let i: u32 = 0; i < singles; i++) addFeature(i, load<u64>(keys + (<usize>i << 3)), 1, learning);
  let count = singles;
  for (let i: u32 = 0; i < bags; i++) count = readBag(i, r, count, learning);
  for (let i: u32 = 0; i < constants; i++) count = readConstant(i, r, count, learning);
  return count;
}

@inline
function addFeature(i: u32, key: u64, x: f32, learning: bool): void {
  store<f32>(valuesAt + (<usize>i << 2), x);
  store<u32>(statesAt + (<usize>i << 2), <u32>(learning ? rowPtr(rowFor(key)) : bornState(i, key)));
}

/** The state of a key's row while scoring, or 0, and a note for `fillUnborn`, where nothing was learned for it. */
function bornState(i: u32, key: u64): usize {
  const row = rowOf(key);
  if (row != NONE && isTouched(row)) return rowPtr(row);
  const at = unbornAt + (<usize>unborn << 4);
  unborn++;
  store<u64>(at, exact ? key : <u64>row);
  store<u32>(at, i, 8);
  return 0;
}

/** Writes the initial weights of the event's features that have no row (scoring). */
@inline
export function fillUnborn(): void {
  for (let u: u32 = 0; u < unborn; u++) {
    const at = unbornAt + (<usize>u << 4);
    initialWeights(load<u64>(at), weightsAt + <usize>load<u32>(at, 8) * laneBytes);
  }
}

function readBag(bag: u32, r: u32, count: u32, learning: bool): u32 {
  const head = bagsAt + <usize>bag * BAG_BYTES;
  const offsets = <usize>load<u32>(head) + (<usize>r << 2);
  const from = load<u32>(offsets);
  const items = load<u32>(offsets, 4) - from;
  const keys = <usize>load<u32>(head, 4) + (<usize>from << 3);
  const weights = <usize>load<u32>(head, 8) + (<usize>from << 2);
  const divisor = divisorOf(weights, items, load<u32>(head, 12));
  for (let i: u32 = 0; i < items; i++) {
    const x: f32 = divisor == 0 ? 0 : load<f32>(weights + (<usize>i << 2)) / divisor;
    count = addValued(count, load<u64>(keys + (<usize>i << 3)), x, learning);
  }
  return count;
}

function divisorOf(weights: usize, items: u32, combiner: u32): f32 {
  if (combiner == SUM) return 1;
  let sum: f32 = 0;
  for (let i: u32 = 0; i < items; i++) {
    const w = load<f32>(weights + (<usize>i << 2));
    sum += combiner == MEAN ? w : w * w;
  }
  return combiner == MEAN ? sum : sqrt<f32>(sum);
}

function readConstant(i: u32, r: u32, count: u32, learning: bool): u32 {
  const at = constantsAt + <usize>i * CONSTANT_BYTES;
  const column = load<u32>(at, 8);
  const x: f32 = column == NONE ? 1 : load<f32>(numbersAt + (<usize>(r * columns + column) << 2));
  return addValued(count, load<u64>(at), x, learning);
}

/** Adds a feature unless it is absent; returns the new number of features. */
@inline
function addValued(count: u32, key: u64, x: f32, learning: bool): u32 {
  if (x == 0 || x != x) return count;
  largest = max<f32>(largest, abs<f32>(x));
  addFeature(count, key, x, learning);
  return count + 1;
}
