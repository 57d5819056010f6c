// Logistic regression, event by event: logit = sum of w x over the event's features, gradient of w = (p - y) importance
// x. All weights of an event are read before any is updated; a row that occurs twice in an event is updated twice, one
// after the other, each time with the weight that was read. Rows have one weight.
import { batchRows, beginBatch } from "./event-batch";
import {
  fillRowless,
  largest,
  readEvent,
  readEventByMask,
  settleSingles,
  statesAt,
  rowless,
  valuesAt,
  weightsAt,
} from "./events";
import { PREFETCH, prefetchByMask } from "./prefetch";
import { MOST, sumLanes } from "./lanes";
import { workspace } from "./memory";
import { CALM, clip1, plain, update1, weight1 } from "./row-state";
import * as ftrl from "./optimizers/ftrl";
import { beginStep, FTRL, kind } from "./optimizers/index";
import { blank } from "./initial-rows";
import { countLearned, late, markLate } from "./learned-rows";
import { exact, rowCapacity } from "./store";
import { learnWide, wide } from "./wide";

// FTRL's hyper-parameters, for updating four rows at once.
let invAlpha: v128 = f32x4.splat(0);
let beta: v128 = f32x4.splat(0);
let l1: v128 = f32x4.splat(0);
let l2: v128 = f32x4.splat(0);

/** Whether the batch's singles are found by mask; number of features of the event last read. */
let byMask: bool = false;
let count: u32 = 0;

/** Four FTRL states that stay at z = 0, n = 1, for padding an event's last group. */
let padStates: usize = 0;

/** Allocates the workspace; call after `openEvents` and `configureOptimizer`. */
export function openLinear(): bool {
  padStates = workspace(32);
  if (padStates == 0) return false;
  for (let at = padStates; at < padStates + 32; at += 8) store<f32>(at, 1, 4);
  invAlpha = f32x4.splat(ftrl.invAlpha);
  beta = f32x4.splat(ftrl.beta);
  l1 = f32x4.splat(ftrl.l1);
  l2 = f32x4.splat(ftrl.l2);
  if (kind == FTRL && plain) markLate();
  return true;
}

/**
 * Begins a batch of `rows` events; false, with nothing changed, if the table has no room for the rows it may create.
 */
export function beginLinear(rows: u32, learning: bool): bool {
  byMask = hasMask();
  return beginBatch(rows, learning);
}

/** Reads event r, in order, and creates the rows it needs if it will be learned; returns its logit. */
@inline
export function readLinear(r: u32, learning: bool): f32 {
  if (byMask && r % PREFETCH == 0) prefetchByMask(r, min(r + PREFETCH, batchRows));
  count = byMask ? readEventByMask(r, learning) : readEvent(r, learning);
  return logitOf(count, r, learning, byMask);
}

/**
 * Learns the event last read from the gradient g of its logit. False, with nothing changed, if a weight's gradient is
 * far too large.
 */
@inline
export function learnLinear(g: f32): bool {
  const steepest = abs<f32>(g) * largest;
  if (!(steepest <= MOST) || (wide && !learnWide(g))) return false;
  if (steepest <= CALM) learnEvent(count, g);
  else learnClipped(count, g);
  return true;
}

/** True if a key's FTRL state is found by masking its bits. */
function hasMask(): bool {
  return kind == FTRL && plain && !exact && (rowCapacity & (rowCapacity - 1)) == 0;
}

/** Reads the weights of event r's `count` features; returns the sum of w x, in four interleaved partial sums. */
@inline
function logitOf(count: u32, r: u32, learning: bool, byMask: bool): f32 {
  pad(count);
  if (kind == FTRL && plain) {
    const sums = readFtrl(count, r, learning, byMask && !blank);
    if (!rowless) return sumLanes(sums);
  } else readWeights(count);
  fillRowless();
  return sumLanes(weighted(count));
}

@inline
function weighted(count: u32): v128 {
  const weights = weightsAt,
    values = valuesAt;
  let sums = f32x4.splat(0);
  for (let at: usize = 0, end = (<usize>count) << 2; at < end; at += 16) {
    sums = f32x4.add(sums, f32x4.mul(v128.load(weights + at), v128.load(values + at)));
  }
  return sums;
}

/** Pads the last group of four with features of value 0. */
@inline
function pad(count: u32): void {
  for (let i = count; i & 3; i++) {
    store<f32>(valuesAt + ((<usize>i) << 2), 0);
    store<f32>(weightsAt + ((<usize>i) << 2), 0);
    store<u32>(statesAt + ((<usize>i) << 2), <u32>(padStates + ((<usize>(i & 3)) << 3)));
  }
}

function readWeights(count: u32): void {
  for (let at: usize = 0, end = (<usize>count) << 2; at < end; at += 4) {
    const state = <usize>load<u32>(statesAt + at);
    if (state) store<f32>(weightsAt + at, weight1(state));
  }
}

@inline
function learnEvent(count: u32, g: f32): void {
  beginStep();
  if (kind == FTRL && plain) updateFtrl(count, g);
  else updateEach(0, (<usize>count) << 2, g);
}

/** `learnEvent` if a value or the event's weight is so large that some gradients may have to be clipped. */
function learnClipped(count: u32, g: f32): void {
  beginStep();
  for (let at: usize = 0, end = (<usize>count) << 2; at < end; at += 4) {
    const state = <usize>load<u32>(statesAt + at);
    updateOne(state, load<f32>(weightsAt + at), clip1(state, g * load<f32>(valuesAt + at)));
  }
}

/** The states {z, n} of the two rows whose addresses are at `at`, as {z0, n0, z1, n1}. */
@inline
function loadPair(at: usize): v128 {
  return v128.load64_lane(<usize>load<u32>(at, 4), v128.load64_zero(<usize>load<u32>(at)), 1);
}

/**
 * Reads the weights of the features' FTRL rows, four at a time; returns the sum of w x, like `weighted`.
 * @param settles rows found by mask may have to be created
 */
@inline
function readFtrl(count: u32, r: u32, learning: bool, settles: bool): v128 {
  if (settles) settleSingles(r, learning);
  // Copied to locals, because the compiler would reload globals in every iteration.
  const states = statesAt,
    weights = weightsAt,
    values = valuesAt;
  const beta_ = beta,
    invAlpha_ = invAlpha,
    l1_ = l1,
    l2_ = l2;
  let sums = f32x4.splat(0);
  for (let at: usize = 0, end = (<usize>count) << 2; at < end; at += 16) {
    const w = weightsOf4(states + at, beta_, invAlpha_, l1_, l2_);
    v128.store(weights + at, w);
    sums = f32x4.add(sums, f32x4.mul(w, v128.load(values + at)));
  }
  return sums;
}

/**
 * The weights of the four rows whose addresses are at `states`. A feature without a row (state 0) gets an arbitrary
 * number, which `fillRowless` replaces.
 */
@inline
function weightsOf4(states: usize, beta: v128, invAlpha: v128, l1: v128, l2: v128): v128 {
  const low = loadPair(states);
  const high = loadPair(states + 8);
  const z = v128.shuffle<f32>(low, high, 0, 2, 4, 6);
  const n = v128.shuffle<f32>(low, high, 1, 3, 5, 7);
  return ftrl.closedForm(z, ftrl.softSize(z, l1), ftrl.divisor(f32x4.sqrt(n), beta, invAlpha, l2));
}

/** FTRL's update of the features' rows, four at a time; groups in which a row occurs twice are updated one by one. */
function updateFtrl(count: u32, g: f32): void {
  const gs = f32x4.splat(g);
  const addresses = statesAt,
    weights = weightsAt,
    values = valuesAt;
  const perAlpha = invAlpha;
  let blanks = i32x4.splat(0);
  for (let at: usize = 0, end = (<usize>count) << 2; at < end; at += 16) {
    const states = v128.load(addresses + at);
    if (repeats(states)) {
      updateEach(at, at + 16, g);
      continue;
    }
    const low = loadPair(addresses + at);
    const high = loadPair(addresses + at + 8);
    const z = v128.shuffle<f32>(low, high, 0, 2, 4, 6);
    const n = v128.shuffle<f32>(low, high, 1, 3, 5, 7);
    blanks = i32x4.sub(blanks, i32x4.eq(v128.or(z, n), i32x4.splat(0)));
    const before = f32x4.sqrt(n);
    const gi = f32x4.mul(gs, v128.load(values + at));
    const after = f32x4.add(n, f32x4.mul(gi, gi));
    const moved = ftrl.moved(z, gi, v128.load(weights + at), before, f32x4.sqrt(after), perAlpha);
    const first = v128.shuffle<f32>(moved, after, 0, 4, 1, 5);
    const second = v128.shuffle<f32>(moved, after, 2, 6, 3, 7);
    v128.store64_lane(<usize>load<u32>(addresses + at), first, 0);
    v128.store64_lane(<usize>load<u32>(addresses + at, 4), first, 1);
    v128.store64_lane(<usize>load<u32>(addresses + at, 8), second, 0);
    v128.store64_lane(<usize>load<u32>(addresses + at, 12), second, 1);
  }
  if (late && v128.any_true(blanks)) countLearned(sumCounts(blanks));
}

@inline
function sumCounts(x: v128): u32 {
  return i32x4.extract_lane(x, 0) + i32x4.extract_lane(x, 1) + i32x4.extract_lane(x, 2) + i32x4.extract_lane(x, 3);
}

/** True if two of the four addresses are equal. */
@inline
function repeats(states: v128): bool {
  const neighbours = i32x4.eq(states, v128.shuffle<i32>(states, states, 1, 2, 3, 0));
  return v128.any_true(v128.or(neighbours, i32x4.eq(states, v128.shuffle<i32>(states, states, 2, 3, 0, 1))));
}

function updateEach(from: usize, to: usize, g: f32): void {
  for (let at = from; at < to; at += 4) {
    updateOne(<usize>load<u32>(statesAt + at), load<f32>(weightsAt + at), g * load<f32>(valuesAt + at));
  }
}

@inline
function updateOne(state: usize, w: f32, g: f32): void {
  if (late && load<u64>(state) == 0) countLearned(1);
  update1(state, w, g);
}
