// The rows of this instance: their layout, and how an optimizer (optimizers/index.ts) reads, creates and updates one. A
// row is `sections` of `lanes` floats (RowLayout in src/core/row-layout.ts); section 0 is z (ftrl) or w (the others).
// Low-precision rows have another layout, see `configurePrecision`, and a replica's row is only its encoded weights
// (codec.ts).
import { codeBytes, decode, drawRounding, encode, F16, F32, INT8, scaleOf, seedRounding } from "./codec";
import { workspace } from "./memory";
import * as ftrl from "./optimizers/ftrl";
import {
  derives,
  initialiseSlots,
  readWeight1,
  readWeights,
  rootOf,
  slotBytes,
  step,
  step1,
  thresholdOf,
} from "./optimizers/index";

/** True in a replica: a row has only its weights; the optimizer only determines what a row not learned predicts. */
export let serving: bool = false;
/** The codec of a replica's rows, and that of trainable rows. */
let held: u32 = F32;
let codec: u32 = F32;
let nearest: bool = false;
/** True if a row consists of its optimizer's floats. */
export let plain: bool = true;
/** Byte offset of a packed row's other slots. */
let slotsAt: usize = 0;
/** Scratch memory for one packed row: five times f32[lanes], each padded to 16 bytes. */
let scratch: usize = 0;
let scratchBytes: usize = 16;
/** The weight and the gradient of a row of one weight, 16 bytes each. */
let single: usize = 0;
/**
 * Number of weights of a row, the floats they take (1, or `dim` rounded up to a multiple of 4), and the bytes of these.
 */
export let dim: u32 = 1;
export let lanes: u32 = 1;
export let laneBytes: usize = 4;
let threshold: f32 = 0;

/** Allocates it: in memory shared by several instances, workspace is the only memory private to an instance. */
export function takeSingle(): bool {
  single = workspace(32);
  return single != 0;
}

/** Rows will hold only their weights, encoded by a codec. */
export function setServing(codec: u32): void {
  serving = true;
  held = codec;
  plain = false;
}

export function configureRow(dim_: u32, lanes_: u32): void {
  dim = dim_;
  lanes = lanes_;
  laneBytes = (<usize>lanes) << 2;
  threshold = thresholdOf(dim);
}

/**
 * Trainable rows will be packed: [codes of w] [the other slots, f32; a shared one is one float], or for ftrl [codes of
 * u] [r as f16], see optimizers/ftrl.ts. False if there is no room for the scratch memory. Call after `configureRow`.
 */
export function configurePrecision(codec_: u32, nearest_: bool, seed: u64): bool {
  codec = codec_;
  nearest = nearest_;
  plain = false;
  slotsAt = codeBytes(codec, lanes);
  scratchBytes = (laneBytes + 15) & ~15;
  scratch = workspace(5 * scratchBytes);
  seedRounding(seed);
  return scratch != 0;
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

/** Bytes of a replica's row. */
export function heldBytes(): usize {
  return codeBytes(held, lanes);
}

/** out[lanes] = the weights derived from the optimizer's state at ptr. */
export function derive(ptr: usize, out: usize): void {
  if (codec == F32) deriveFloats(ptr, out);
  else derivePacked(ptr, out);
}

@inline
function deriveFloats(ptr: usize, out: usize): void {
  if (lanes == 1) store<f32>(out, readWeight1(ptr, threshold));
  else readWeights(ptr, ptr + laneBytes, out, laneBytes, threshold);
}

function derivePacked(ptr: usize, out: usize): void {
  if (!derives()) decode(codec, ptr, out, lanes);
  else {
    unpack(ptr, scratch);
    deriveFloats(scratch, out);
  }
}

/**
 * out = the optimizer's floats of a packed row: `lanes` floats per slot, one for a shared slot. Writes up to 16 bytes
 * more.
 */
export function unpack(ptr: usize, out: usize): void {
  if (derives()) {
    openFtrl(ptr);
    ftrl.unscale(scratch + 2 * scratchBytes, scratch + 3 * scratchBytes, out, out + laneBytes, laneBytes);
    return;
  }
  decode(codec, ptr, out, lanes);
  memory.copy(out + laneBytes, ptr + slotsAt, slotBytes(laneBytes, 4));
}

/** Unpacks u and r of a packed row to positions 2 and 3 of the scratch memory. */
@inline
function openFtrl(ptr: usize): void {
  decode(codec, ptr, scratch + 2 * scratchBytes, lanes);
  decode(F16, ptr + slotsAt, scratch + 3 * scratchBytes, lanes);
}

/** `weights` of a one-float row. */
@inline
export function weight1(ptr: usize): f32 {
  if (plain) return readWeight1(ptr, threshold);
  return serving && held == F32 ? load<f32>(ptr) : decodedWeight1(ptr);
}

function decodedWeight1(ptr: usize): f32 {
  weights(ptr, single);
  return load<f32>(single);
}

/** Applies gradient g[lanes] to the row at ptr, whose current weights are w[lanes] (from `weights`). */
@inline
export function update(ptr: usize, w: usize, g: usize): void {
  if (codec != F32) updatePacked(ptr, w, g);
  else if (lanes == 1) update1(ptr, load<f32>(w), load<f32>(g));
  else if (derives()) ftrl.update(ptr, ptr + laneBytes, w, g, laneBytes, 1);
  else step(ptr, ptr + laneBytes, ptr + 2 * laneBytes, g, laneBytes, dim, 1);
}

/** `update` of a one-float row. */
@inline
export function update1(ptr: usize, w: f32, g: f32): void {
  if (codec != F32) updatePacked1(ptr, w, g);
  else if (derives()) ftrl.update1(ptr, ptr + 4, w, g);
  else step1(ptr, ptr + 4, ptr + 8, g);
}

/** Gradients below this are never clipped: those of features with x = 1 in events of ordinary weight. */
export const CALM: f32 = 10;

/**
 * Clips each of g[lanes] to 10 + sqrt(n) of the row at ptr, where n is the sum of its previous squared gradients (see
 * `rootOf`): one event cannot have much more effect than all others together.
 */
export function clip(ptr: usize, g: usize): void {
  if (codec != F32 && derives()) openFtrl(ptr);
  for (let k: usize = 0; k < laneBytes; k += 4) store<f32>(g + k, clipped(load<f32>(g + k), CALM + rootAt(ptr, k)));
}

@inline
function clipped(g: f32, most: f32): f32 {
  return max<f32>(-most, min<f32>(most, g));
}

/** `clip` for the gradient of a row of one weight. */
export function clip1(ptr: usize, g: f32): f32 {
  store<f32>(single, g, 16);
  clip(ptr, single + 16);
  return load<f32>(single, 16);
}

function rootAt(ptr: usize, k: usize): f32 {
  if (codec == F32) return rootOf(ptr + laneBytes, laneBytes, k);
  return derives() ? load<f32>(scratch + 3 * scratchBytes + k) : rootOf(ptr + slotsAt, laneBytes, k);
}

function updatePacked(ptr: usize, w: usize, g: usize): void {
  if (!nearest) drawRounding();
  if (derives()) updatePackedFtrl(ptr, w, g);
  else {
    const slots = ptr + slotsAt;
    decode(codec, ptr, scratch, lanes);
    if (lanes == 1) step1(scratch, slots, slots + 4, load<f32>(g));
    else step(scratch, slots, slots + laneBytes, g, laneBytes, dim, 1);
    encode(codec, scratch, ptr, lanes, nearest, 0, codec >= INT8 ? scaleOf(codec, ptr, lanes) : 0);
  }
}

function updatePackedFtrl(ptr: usize, w: usize, g: usize): void {
  openFtrl(ptr);
  const u = scratch + 2 * scratchBytes;
  const before = u + scratchBytes;
  const after = before + scratchBytes;
  ftrl.roots(before, g, after, laneBytes);
  encode(F16, after, ptr + slotsAt, lanes, nearest, lanes, 0);
  decode(F16, ptr + slotsAt, after, lanes);
  ftrl.scaledUpdate(u, before, after, w, g, laneBytes);
  encode(codec, u, ptr, lanes, nearest, 0, 0);
}

function updatePacked1(ptr: usize, w: f32, g: f32): void {
  store<f32>(single, w);
  store<f32>(single, g, 16);
  updatePacked(ptr, single, single + 16);
}

/** Where the initial weights of a new row at ptr must be written before `initialise`. */
@inline
export function initialAt(ptr: usize): usize {
  return codec == F32 ? ptr : scratch;
}

/**
 * Creates the state of a new row whose initial weights (padding 0) are at `initialAt(ptr)`; `given`: not drawn, but those of
 * another model.
 */
export function initialise(ptr: usize, given: bool = false): void {
  if (codec != F32) initialisePacked(ptr, given);
  else if (derives()) ftrl.initialise(ptr, ptr + laneBytes, lanes, threshold, given);
  else initialiseSlots(ptr + laneBytes, lanes, min<u32>(lanes, 4));
}

function initialisePacked(ptr: usize, given: bool): void {
  const slots = ptr + slotsAt;
  if (derives()) {
    ftrl.initialise(scratch, scratch + scratchBytes, lanes, threshold, given);
    ftrl.scaled(scratch, scratch + scratchBytes, laneBytes);
    encode(F16, scratch + scratchBytes, slots, lanes, true, 0, 0);
  } else initialiseSlots(slots, lanes, 1);
  encode(codec, scratch, ptr, lanes, true, 0, 0);
}
