// The optimizer of this instance: which one, its hyper-parameters, and the shape of the rows it works on.
// A row is `sections` of `lanes` floats (RowLayout in src/tables/row-layout.ts); section 0 is z (ftrl) or w (the others).
import {
  ftrlConfigure,
  ftrlGroupWeight1,
  ftrlGroupWeights,
  ftrlInitialise,
  ftrlUpdate,
  ftrlUpdate1,
  ftrlWeight1,
  ftrlWeights,
  groupThreshold,
} from "./ftrl";
import {
  accumulatorInitialise,
  adagradConfigure,
  adagradUpdate,
  adagradUpdate1,
  adamBegin,
  adamConfigure,
  adamUpdate,
  adamUpdate1,
  rowwiseUpdate,
  rowwiseUpdate1,
  sgdUpdate,
  sgdUpdate1,
} from "./gradient";
import { copyFloats } from "./lanes";

/** The optimizers' numbers, as in src/optim. */
export const FTRL: u32 = 0;
export const FTRL_GROUP: u32 = 1;
export const ADAGRAD: u32 = 2;
export const ROWWISE_ADAGRAD: u32 = 3;
export const ADAM: u32 = 4;
export const SGD: u32 = 5;

export let kind: u32 = SGD;
/** True in a replica: a row is its weights and nothing else; the optimizer only says what an unlearned row predicts. */
export let serving: bool = false;
/** Weights of a row, the floats they take (1, or `dim` rounded up to a multiple of 4), and the bytes of that. */
export let dim: u32 = 1;
export let lanes: u32 = 1;
export let laneBytes: usize = 4;
let threshold: f32 = 0;

/** Hyper-parameters in the order the optimizer's file in src/optim gives them; unused ones are 0. */
export function configureOptimizer(kind_: u32, h0: f64, h1: f64, h2: f64, h3: f64, h4: f64): void {
  kind = kind_;
  if (kind <= FTRL_GROUP) ftrlConfigure(h0, h1, h2, h3, h4);
  else if (kind == ADAM) adamConfigure(h0, h1, h2, h3);
  else adagradConfigure(h0, h1, h2);
}

export function setServing(): void {
  serving = true;
}

export function configureRow(dim_: u32, lanes_: u32): void {
  dim = dim_;
  lanes = lanes_;
  laneBytes = <usize>lanes << 2;
  threshold = groupThreshold(dim);
}

/** Call once before the updates of a step (a mini-batch, or an event of lr and fm): Adam counts steps. */
@inline
export function beginStep(): void {
  if (kind == ADAM) adamBegin();
}

/** out[lanes] = the weights of the row at ptr; padding lanes are 0. */
@inline
export function weights(ptr: usize, out: usize): void {
  if (serving) copyFloats(out, ptr, lanes);
  else derive(ptr, out);
}

/** out[lanes] = the weights that the optimizer's state at ptr stands for. */
@inline
export function derive(ptr: usize, out: usize): void {
  if (lanes == 1) store<f32>(out, derive1(ptr));
  else if (kind == FTRL) ftrlWeights(ptr, ptr + laneBytes, out, laneBytes);
  else if (kind == FTRL_GROUP) ftrlGroupWeights(ptr, ptr + laneBytes, out, laneBytes, threshold);
  else copyFloats(out, ptr, lanes);
}

/** `weights` of a one-float row. */
@inline
export function weight1(ptr: usize): f32 {
  return serving ? load<f32>(ptr) : derive1(ptr);
}

@inline
function derive1(ptr: usize): f32 {
  if (kind == FTRL) return ftrlWeight1(load<f32>(ptr), load<f32>(ptr, 4));
  if (kind == FTRL_GROUP) return ftrlGroupWeight1(load<f32>(ptr), load<f32>(ptr, 4), threshold);
  return load<f32>(ptr);
}

/** Applies gradient g[lanes] to the row at ptr, whose current weights are w[lanes] (from `weights`). */
@inline
export function update(ptr: usize, w: usize, g: usize): void {
  if (lanes == 1) update1(ptr, load<f32>(w), load<f32>(g));
  else if (kind <= FTRL_GROUP) ftrlUpdate(ptr, ptr + laneBytes, w, g, laneBytes, 1);
  else if (kind == ADAGRAD) adagradUpdate(ptr, ptr + laneBytes, g, laneBytes, 1);
  else if (kind == ROWWISE_ADAGRAD) rowwiseUpdate(ptr, ptr + laneBytes, g, laneBytes, dim, 1);
  else if (kind == ADAM) adamUpdate(ptr, ptr + laneBytes, ptr + 2 * laneBytes, g, laneBytes, 1);
  else sgdUpdate(ptr, g, laneBytes, 1);
}

/** `update` of a one-float row. */
@inline
export function update1(ptr: usize, w: f32, g: f32): void {
  if (kind <= FTRL_GROUP) ftrlUpdate1(ptr, ptr + 4, w, g);
  else if (kind == ADAGRAD) adagradUpdate1(ptr, ptr + 4, g);
  else if (kind == ROWWISE_ADAGRAD) rowwiseUpdate1(ptr, ptr + 4, g);
  else if (kind == ADAM) adamUpdate1(ptr, ptr + 4, ptr + 8, g);
  else sgdUpdate1(ptr, g);
}

/** Makes the state of a fresh row whose section 0 holds its initial weights (padding 0). */
export function initialise(ptr: usize): void {
  if (kind <= FTRL_GROUP) ftrlInitialise(ptr, ptr + laneBytes, lanes, kind == FTRL_GROUP ? threshold : 0);
  else if (kind == ADAGRAD) accumulatorInitialise(ptr + laneBytes, lanes);
  else if (kind == ROWWISE_ADAGRAD) accumulatorInitialise(ptr + laneBytes, min<u32>(lanes, 4));
  else if (kind == ADAM) memory.fill(ptr + laneBytes, 0, 2 * laneBytes);
}

/** The dense form of `update`: one row of `dim` weights w whose other slots a, b (ftrl: z, n; adam: m, v) lie apart. */
export function updateApart(w: usize, a: usize, b: usize, g: usize, dim: u32, scale: f32): void {
  const bytes = <usize>((dim + 3) & ~3) << 2;
  if (kind <= FTRL_GROUP) {
    ftrlUpdate(a, b, w, g, bytes, scale);
    ftrlApart(w, a, b, dim, bytes);
  } else if (kind == ADAGRAD) adagradUpdate(w, a, g, bytes, scale);
  else if (kind == ROWWISE_ADAGRAD) rowwiseUpdate(w, a, g, bytes, dim, scale);
  else if (kind == ADAM) adamUpdate(w, a, b, g, bytes, scale);
  else sgdUpdate(w, g, bytes, scale);
}

/** The dense form of `initialise`: makes the other slots for initial weights w. */
export function initialiseApart(w: usize, a: usize, b: usize, dim: u32): void {
  const padded = (dim + 3) & ~3;
  const bytes = <usize>padded << 2;
  if (kind <= FTRL_GROUP) {
    memory.copy(a, w, bytes);
    ftrlInitialise(a, b, padded, kind == FTRL_GROUP ? groupThreshold(dim) : 0);
    ftrlApart(w, a, b, dim, bytes);
  } else if (kind == ADAGRAD) accumulatorInitialise(a, padded);
  else if (kind == ROWWISE_ADAGRAD) accumulatorInitialise(a, 4);
}

@inline
function ftrlApart(w: usize, z: usize, n: usize, dim: u32, bytes: usize): void {
  if (kind == FTRL) ftrlWeights(z, n, w, bytes);
  else ftrlGroupWeights(z, n, w, bytes, groupThreshold(dim));
}
