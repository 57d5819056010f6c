// The optimizer of this instance; the only file that knows all of them. Each has a file here, a number, and a line in
// the functions that concern it; one with slots, also in slotBytes and rootOf. Most store their weights w beside slots
// a and b; those for which `derives` is true store (z, n) instead. All operate elementwise on rows of `bytes / 4` floats
// in f32; `scale` multiplies every gradient first. The one-float variants perform the same operations in the same order.
import { copyFloats } from "../lanes";
import * as adagrad from "./adagrad";
import * as adam from "./adam";
import * as ftrl from "./ftrl";
import * as group from "./group-ftrl";
import * as rowwise from "./rowwise-adagrad";
import * as sgd from "./sgd";

/** Numbers of the optimizers, as in src/optimizers. */
export const FTRL: u32 = 0;
export const FTRL_GROUP: u32 = 1;
const ADAGRAD: u32 = 2;
const ROWWISE_ADAGRAD: u32 = 3;
const ADAM: u32 = 4;
const SGD: u32 = 5;

export let kind: u32 = SGD;

/** Hyper-parameters in the order of the optimizer's file in src/optimizers; unused ones are 0. */
export function configureOptimizer(kind_: u32, h0: f64, h1: f64, h2: f64, h3: f64, h4: f64): void {
  kind = kind_;
  if (derives()) ftrl.configure(h0, h1, h2, h3);
  if (kind == FTRL_GROUP) group.configure(h4);
  if (kind == ADAGRAD) adagrad.configure(h0, h1, h2);
  if (kind == ROWWISE_ADAGRAD) rowwise.configure(h0, h1, h2);
  if (kind == ADAM) adam.configure(h0, h1, h2, h3);
  if (kind == SGD) sgd.configure(h0);
}

/** True if rows hold (z, n), from which weights are derived. */
@inline
export function derives(): bool {
  return kind <= FTRL_GROUP;
}

/** True if the optimizer sets whole rows to zero. */
@inline
export function emptiesRows(): bool {
  return kind == FTRL_GROUP;
}

/**
 * Call once before the updates of a step (a mini-batch, or one event if events are learned one by one): Adam counts
 * steps.
 */
@inline
export function beginStep(): void {
  if (kind == ADAM) adam.begin();
}

/** What counting steps adds to the state: two numbers, of optimizers that do. */
export function stepState1(): f64 {
  return kind == ADAM ? adam.power1 : 1;
}

export function stepState2(): f64 {
  return kind == ADAM ? adam.power2 : 1;
}

export function restoreSteps(state1: f64, state2: f64): void {
  if (kind == ADAM) adam.restore(state1, state2);
}

/** The group lasso's threshold for rows of `dim` weights; 0 for other optimizers. */
export function thresholdOf(dim: u32): f32 {
  return kind == FTRL_GROUP ? group.threshold(dim) : 0;
}

/** out[bytes / 4] = the weights of the state at `state` (w, or z) and `n`. */
@inline
export function readWeights(state: usize, n: usize, out: usize, bytes: usize, threshold: f32): void {
  if (kind == FTRL) ftrl.weights(state, n, out, bytes);
  else if (kind == FTRL_GROUP) group.weights(state, n, out, bytes, threshold);
  else copyFloats(out, state, <u32>(bytes >> 2));
}

/** `readWeights` for a row of one weight, whose floats are adjacent. */
@inline
export function readWeight1(state: usize, threshold: f32): f32 {
  if (kind == FTRL) return ftrl.weight1(load<f32>(state), load<f32>(state, 4));
  if (kind == FTRL_GROUP) return group.weight1(load<f32>(state), load<f32>(state, 4), threshold);
  return load<f32>(state);
}

/** Applies the gradient g to stored weights w and slots a, b of a row of `dim` weights. */
@inline
export function step(w: usize, a: usize, b: usize, g: usize, bytes: usize, dim: u32, scale: f32): void {
  if (kind == ADAGRAD) adagrad.step(w, a, g, bytes, scale);
  else if (kind == ROWWISE_ADAGRAD) rowwise.step(w, a, g, bytes, dim, scale);
  else if (kind == ADAM) adam.step(w, a, b, g, bytes, scale);
  else sgd.step(w, g, bytes, scale);
}

/** `step` for a row of one weight. */
@inline
export function step1(w: usize, a: usize, b: usize, g: f32): void {
  if (kind == ADAGRAD) adagrad.step1(w, a, g);
  else if (kind == ROWWISE_ADAGRAD) rowwise.step1(w, a, g);
  else if (kind == ADAM) adam.step1(w, a, b, g);
  else sgd.step1(w, g);
}

/**
 * Initialises the slots, `count` floats each, that follow a new row's weights; one shared by all of them has `shared`
 * floats.
 */
export function initialiseSlots(slots: usize, count: u32, shared: u32): void {
  if (!initialiseSums(slots, count, shared)) {
    memory.fill(slots, 0, slotBytes((<usize>count) << 2, (<usize>shared) << 2));
  }
}

/** `initialiseSlots` for the slots that do not start at 0. False if there are none. */
export function initialiseSums(a: usize, count: u32, shared: u32): bool {
  if (kind == ADAGRAD) adagrad.initialise(a, count);
  else if (kind == ROWWISE_ADAGRAD) rowwise.initialise(a, shared);
  else return false;
  return true;
}

/** Bytes of the slots beside `bytes` bytes of weights; a shared one takes `shared` bytes. */
@inline
export function slotBytes(bytes: usize, shared: usize): usize {
  if (kind == ADAM) return 2 * bytes;
  return kind == ADAGRAD ? bytes : kind == ROWWISE_ADAGRAD ? shared : 0;
}

/** Bytes between two rows of a separate slot: the same as for the weights, but four floats for a shared slot. */
@inline
export function apartBytes(bytes: usize): usize {
  return kind == ROWWISE_ADAGRAD ? 16 : bytes;
}

/**
 * Limit of the gradient of the weight at byte k of a row, in addition to that of an ordinary event: the root of the sum
 * of its squared gradients. Adam's v is a mean; ten times its root is used. SGD keeps none: the limit is the gradient
 * that changes a weight by 1. The last line is for kinds whose first slot is a sum of squares: a slot that can be
 * negative would make it NaN.
 */
@inline
export function rootOf(slots: usize, bytes: usize, k: usize): f32 {
  if (kind == SGD) return sgd.reach();
  if (kind == ADAM) return 10 * sqrt<f32>(load<f32>(slots + bytes + k));
  return sqrt<f32>(load<f32>(kind == ROWWISE_ADAGRAD ? slots : slots + k));
}
