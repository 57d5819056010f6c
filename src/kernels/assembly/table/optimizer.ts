// The optimizer of this instance: which one, its hyper-parameters, and the shape of the rows it works on.
// A row is `sections` of `lanes` floats (RowLayout in src/core/row-layout.ts); section 0 is z (ftrl) or w (the others).
// In low precision a row is in another form, see `configurePrecision`, and a replica's row is nothing but its weights' codes (codec.ts).
import { codeBytes, decode, drawRounding, encode, F16, F32, INT8, scaleOf, seedRounding } from "./codec";
import {
  ftrlConfigure,
  ftrlGroupWeight1,
  ftrlGroupWeights,
  ftrlInitialise,
  ftrlRoots,
  ftrlScale,
  ftrlScaledUpdate,
  ftrlUnscale,
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
  reach,
  rowwiseUpdate,
  rowwiseUpdate1,
  sgdUpdate,
  sgdUpdate1,
} from "./gradient";
import { copyFloats } from "./lanes";
import { workspace } from "./memory";

/** The optimizers' numbers, as in src/optimizers. */
export const FTRL: u32 = 0;
export const FTRL_GROUP: u32 = 1;
export const ADAGRAD: u32 = 2;
export const ROWWISE_ADAGRAD: u32 = 3;
export const ADAM: u32 = 4;
export const SGD: u32 = 5;

export let kind: u32 = SGD;
/** True in a replica: a row is its weights and nothing else; the optimizer only says what an unlearned row predicts. */
export let serving: bool = false;
/** The codec of a replica's rows, and that of rows that learn. */
let held: u32 = F32;
let codec: u32 = F32;
let nearest: bool = false;
/** True where a row is its optimizer's floats. */
export let plain: bool = true;
/** Bytes of a packed row before its other slots. */
let slotsAt: usize = 0;
/** Room to work on one packed row: five times f32[lanes], each padded to 16 bytes. */
let bench: usize = 0;
let benchBytes: usize = 16;
/** The weight and the gradient of a row of one weight, 16 bytes each. */
const single: usize = memory.data(32, 16);
/** Weights of a row, the floats they take (1, or `dim` rounded up to a multiple of 4), and the bytes of that. */
export let dim: u32 = 1;
export let lanes: u32 = 1;
export let laneBytes: usize = 4;
let threshold: f32 = 0;

/** Hyper-parameters in the order the optimizer's file in src/optimizers gives them; unused ones are 0. */
export function configureOptimizer(kind_: u32, h0: f64, h1: f64, h2: f64, h3: f64, h4: f64): void {
  kind = kind_;
  if (kind <= FTRL_GROUP) ftrlConfigure(h0, h1, h2, h3, h4);
  else if (kind == ADAM) adamConfigure(h0, h1, h2, h3);
  else adagradConfigure(h0, h1, h2);
}

/** Rows will hold nothing but their weights, in the form of a codec. */
export function setServing(codec: u32): void {
  serving = true;
  held = codec;
  plain = false;
}

export function configureRow(dim_: u32, lanes_: u32): void {
  dim = dim_;
  lanes = lanes_;
  laneBytes = <usize>lanes << 2;
  threshold = groupThreshold(dim);
}

/**
 * Rows that learn will be packed: [codes of w] [the other slots, f32; a shared one is one float], or for ftrl
 * [codes of u] [r as f16], see ftrl.ts. False where there is no room to work. After `configureRow`.
 */
export function configurePrecision(codec_: u32, nearest_: bool, seed: u64): bool {
  codec = codec_;
  nearest = nearest_;
  plain = false;
  slotsAt = codeBytes(codec, lanes);
  benchBytes = (laneBytes + 15) & ~15;
  bench = workspace(5 * benchBytes);
  seedRounding(seed);
  return bench != 0;
}

/** Call once before the updates of a step (a mini-batch, or an event of lr and fm): Adam counts steps. */
@inline
export function beginStep(): void {
  if (kind == ADAM) adamBegin();
}

/** out[lanes] = the weights of the row at ptr; padding lanes are 0. */
@inline
export function weights(ptr: usize, out: usize): void {
  if (plain) deriveFloats(ptr, out);
  else if (serving) decode(held, ptr, out, lanes);
  else derivePacked(ptr, out);
}

/** Writes a replica's row. */
export function hold(w: usize, ptr: usize): void {
  encode(held, w, ptr, lanes, true, 0, 0);
}

/** out[lanes] = the weights that the optimizer's state at ptr stands for. */
export function derive(ptr: usize, out: usize): void {
  if (codec == F32) deriveFloats(ptr, out);
  else derivePacked(ptr, out);
}

@inline
function deriveFloats(ptr: usize, out: usize): void {
  if (lanes == 1) store<f32>(out, derive1(ptr));
  else if (kind == FTRL) ftrlWeights(ptr, ptr + laneBytes, out, laneBytes);
  else if (kind == FTRL_GROUP) ftrlGroupWeights(ptr, ptr + laneBytes, out, laneBytes, threshold);
  else copyFloats(out, ptr, lanes);
}

function derivePacked(ptr: usize, out: usize): void {
  if (kind > FTRL_GROUP) decode(codec, ptr, out, lanes);
  else {
    unpack(ptr, bench);
    deriveFloats(bench, out);
  }
}

/** out = the optimizer's floats of a packed row: each slot `lanes` floats, a shared one one. Writes up to 16 bytes behind. */
export function unpack(ptr: usize, out: usize): void {
  if (kind <= FTRL_GROUP) {
    openFtrl(ptr);
    ftrlUnscale(bench + 2 * benchBytes, bench + 3 * benchBytes, out, out + laneBytes, laneBytes);
    return;
  }
  decode(codec, ptr, out, lanes);
  memory.copy(out + laneBytes, ptr + slotsAt, slotBytes());
}

/** Bytes of the slots behind a packed row's codes. */
@inline
function slotBytes(): usize {
  if (kind == ADAM) return 2 * laneBytes;
  return kind == ADAGRAD ? laneBytes : kind == ROWWISE_ADAGRAD ? 4 : 0;
}

/** Brings u and r of a packed row to places 2 and 3 of the bench. */
@inline
function openFtrl(ptr: usize): void {
  decode(codec, ptr, bench + 2 * benchBytes, lanes);
  decode(F16, ptr + slotsAt, bench + 3 * benchBytes, lanes);
}

/** `weights` of a one-float row. */
@inline
export function weight1(ptr: usize): f32 {
  if (plain) return derive1(ptr);
  return serving && held == F32 ? load<f32>(ptr) : decodedWeight1(ptr);
}

function decodedWeight1(ptr: usize): f32 {
  weights(ptr, single);
  return load<f32>(single);
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
  if (codec != F32) updatePacked(ptr, w, g);
  else if (lanes == 1) update1(ptr, load<f32>(w), load<f32>(g));
  else if (kind <= FTRL_GROUP) ftrlUpdate(ptr, ptr + laneBytes, w, g, laneBytes, 1);
  else step(ptr, ptr + laneBytes, ptr + 2 * laneBytes, g);
}

/** `update` of weights w and other slots a, b that lie apart, for the optimizers that store their weights. */
@inline
function step(w: usize, a: usize, b: usize, g: usize): void {
  if (kind == ADAGRAD) adagradUpdate(w, a, g, laneBytes, 1);
  else if (kind == ROWWISE_ADAGRAD) rowwiseUpdate(w, a, g, laneBytes, dim, 1);
  else if (kind == ADAM) adamUpdate(w, a, b, g, laneBytes, 1);
  else sgdUpdate(w, g, laneBytes, 1);
}

/** `update` of a one-float row. */
@inline
export function update1(ptr: usize, w: f32, g: f32): void {
  if (codec != F32) updatePacked1(ptr, w, g);
  else if (kind <= FTRL_GROUP) ftrlUpdate1(ptr, ptr + 4, w, g);
  else step1(ptr, ptr + 4, ptr + 8, g);
}

@inline
function step1(w: usize, a: usize, b: usize, g: f32): void {
  if (kind == ADAGRAD) adagradUpdate1(w, a, g);
  else if (kind == ROWWISE_ADAGRAD) rowwiseUpdate1(w, a, g);
  else if (kind == ADAM) adamUpdate1(w, a, b, g);
  else sgdUpdate1(w, g);
}

/** Gradients within it are never clipped: those of features of 1 in events of ordinary weight. */
export const CALM: f32 = 10;

/**
 * Brings each of g[lanes] within 10 + sqrt(n) of the row at ptr, n the sum of the squared gradients before: one event cannot count for
 * much more than all others together. Adam's v is a mean, of which ten times the root is taken. SGD remembers none: its
 * weights move by no more than 1 beyond what a gradient of 10 does.
 */
export function clip(ptr: usize, g: usize): void {
  if (codec != F32 && kind <= FTRL_GROUP) openFtrl(ptr);
  for (let k: usize = 0; k < laneBytes; k += 4) store<f32>(g + k, clipped(load<f32>(g + k), CALM + rootOf(ptr, k)));
}

@inline
function clipped(g: f32, most: f32): f32 {
  return max<f32>(-most, min<f32>(most, g));
}

/** `clip` of the gradient of a row of one weight. */
export function clip1(ptr: usize, g: f32): f32 {
  store<f32>(single, g, 16);
  clip(ptr, single + 16);
  return load<f32>(single, 16);
}

/** What a gradient of the weight at byte k of the row at ptr may exceed 10 by. */
function rootOf(ptr: usize, k: usize): f32 {
  if (kind == SGD) return reach();
  if (kind <= FTRL_GROUP && codec != F32) return load<f32>(bench + 3 * benchBytes + k);
  const slots = ptr + (codec == F32 ? laneBytes : slotsAt);
  if (kind == ADAM) return 10 * sqrt<f32>(load<f32>(slots + laneBytes + k));
  return sqrt<f32>(load<f32>(kind == ROWWISE_ADAGRAD ? slots : slots + k));
}

function updatePacked(ptr: usize, w: usize, g: usize): void {
  if (!nearest) drawRounding();
  if (kind <= FTRL_GROUP) updatePackedFtrl(ptr, w, g);
  else {
    const slots = ptr + slotsAt;
    decode(codec, ptr, bench, lanes);
    if (lanes == 1) step1(bench, slots, slots + 4, load<f32>(g));
    else step(bench, slots, slots + laneBytes, g);
    encode(codec, bench, ptr, lanes, nearest, 0, codec >= INT8 ? scaleOf(codec, ptr, lanes) : 0);
  }
}

function updatePackedFtrl(ptr: usize, w: usize, g: usize): void {
  openFtrl(ptr);
  const u = bench + 2 * benchBytes;
  const before = u + benchBytes;
  const after = before + benchBytes;
  ftrlRoots(before, g, after, laneBytes);
  encode(F16, after, ptr + slotsAt, lanes, nearest, lanes, 0);
  decode(F16, ptr + slotsAt, after, lanes);
  ftrlScaledUpdate(u, before, after, w, g, laneBytes);
  encode(codec, u, ptr, lanes, nearest, 0, 0);
}

function updatePacked1(ptr: usize, w: f32, g: f32): void {
  store<f32>(single, w);
  store<f32>(single, g, 16);
  updatePacked(ptr, single, single + 16);
}

/** Where the initial weights of a row to be made at ptr are to be drawn, before `initialise`. */
@inline
export function cradle(ptr: usize): usize {
  return codec == F32 ? ptr : bench;
}

/** Makes the state of a fresh row whose initial weights (padding 0) lie in its cradle. */
export function initialise(ptr: usize): void {
  if (codec != F32) initialisePacked(ptr);
  else if (kind <= FTRL_GROUP) ftrlInitialise(ptr, ptr + laneBytes, lanes, kind == FTRL_GROUP ? threshold : 0);
  else initialiseSlots(ptr + laneBytes, min<u32>(lanes, 4));
}

/** The other slots of a fresh row; row-wise AdaGrad's has `shared` floats. */
function initialiseSlots(slots: usize, shared: u32): void {
  if (kind == ADAGRAD) accumulatorInitialise(slots, lanes);
  else if (kind == ROWWISE_ADAGRAD) accumulatorInitialise(slots, shared);
  else if (kind == ADAM) memory.fill(slots, 0, 2 * laneBytes);
}

function initialisePacked(ptr: usize): void {
  if (kind <= FTRL_GROUP) {
    ftrlInitialise(bench, bench + benchBytes, lanes, kind == FTRL_GROUP ? threshold : 0);
    ftrlScale(bench, laneBytes);
    memory.fill(ptr + slotsAt, 0, <usize>lanes << 1);
  } else initialiseSlots(ptr + slotsAt, 1);
  encode(codec, bench, ptr, lanes, true, 0, 0);
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
