// Field-aware factorization machine (Juan et al. 2016), event by event. Every cell but the bias is a field. A row of
// field i holds one vector of `factors` floats for each OTHER field j, in their order, then the linear weight w, then
// padding of zeros. A field's vectors are the sum of x times its features' rows: a bag is one field value, and its
// items do not interact with each other.
// logit = sum of w x + sum over fields i < j of v_i(j) . v_j(i)
// The gradient of v_i(j) is g v_j(i), that of a feature's row is x times its field's, that of w is g x; g = (p - y)
// importance.
import { singles } from "./event-batch";
import { cellsAt, valuesAt, weightsAt } from "./events";
import { addScaled, sumLanes } from "./lanes";
import { workspace } from "./memory";
import { dim, laneBytes, lanes } from "./row-state";

let fields: u32 = 0;
/** Bytes of a vector, and byte offset of the linear weight in a row. */
let vectorBytes: usize = 0;
let linearAt: usize = 0;
/** u32 per field: addresses of its vectors and their gradients. A single's are those of its only feature. */
let vectorsAt: usize = 0;
let slopesAt: usize = 0;
/** f32[lanes] per field that is not a single: its vectors and gradients. */
let summedAt: usize = 0;
let summedSlopesAt: usize = 0;

/**
 * Allocates the workspace of `ffm`, whose rows' `dim` random weights are the vectors; `gradients`: f32[features ×
 * lanes], to be written.
 */
export function openFfm(cells: u32, gradients: usize): bool {
  fields = cells - 1;
  linearAt = (<usize>dim) << 2;
  vectorBytes = linearAt / (fields - 1);
  vectorsAt = workspace((<usize>fields) << 2);
  slopesAt = workspace((<usize>fields) << 2);
  summedAt = workspace(<usize>fields * laneBytes);
  summedSlopesAt = workspace(<usize>fields * laneBytes);
  if (summedSlopesAt == 0) return false;
  for (let f: u32 = 0; f < fields; f++) {
    const row = <usize>f * laneBytes;
    const at = (<usize>f) << 2;
    store<u32>(vectorsAt + at, <u32>((f < singles ? weightsAt : summedAt) + row));
    store<u32>(slopesAt + at, <u32>((f < singles ? gradients : summedSlopesAt) + row));
  }
  return true;
}

/** The logit of the event whose weights were read. */
export function ffmLogit(count: u32): f32 {
  sumFields(count);
  let linear: f32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    linear += load<f32>(weightsAt + <usize>i * laneBytes + linearAt) * load<f32>(valuesAt + ((<usize>i) << 2));
  }
  return linear + pairs();
}

/** Sums the vectors of fields that are not singles. */
function sumFields(count: u32): void {
  memory.fill(summedAt + <usize>singles * laneBytes, 0, <usize>(fields - singles) * laneBytes);
  for (let i = singles; i < count; i++) {
    const field = load<u32>(cellsAt + ((<usize>i) << 2));
    if (field == fields) continue;
    const row = weightsAt + <usize>i * laneBytes;
    addScaled(summedAt + <usize>field * laneBytes, row, lanes, load<f32>(valuesAt + ((<usize>i) << 2)));
  }
}

/**
 * The sum of the dot products of all pairs. In field i, the vector for j > i has index j - 1; in field j, the one for i
 * has index i.
 */
function pairs(): f32 {
  const bytes = vectorBytes,
    all = vectorsAt,
    end = all + ((<usize>fields) << 2);
  let sums = f32x4.splat(0);
  let offset: usize = 0;
  for (let first = all; first < end; first += 4, offset += bytes) {
    let own = <usize>load<u32>(first) + offset;
    for (let other = first + 4; other < end; other += 4, own += bytes) {
      sums = f32x4.add(sums, product(own, <usize>load<u32>(other) + offset, bytes));
    }
  }
  return sumLanes(sums);
}

/** Lane sums of the products of two vectors of 2 floats, or a multiple of 4. */
@inline
function product(a: usize, b: usize, bytes: usize): v128 {
  if (bytes == 8) return f32x4.mul(v128.load64_zero(a), v128.load64_zero(b));
  let sums = f32x4.mul(v128.load(a), v128.load(b));
  for (let k: usize = 16; k < bytes; k += 16) sums = f32x4.add(sums, f32x4.mul(v128.load(a + k), v128.load(b + k)));
  return sums;
}

/** Writes the gradients of the features' rows. */
export function ffmGradients(count: u32, g: f32, gradients: usize): void {
  crossOver(g);
  for (let i: u32 = 0; i < count; i++) {
    const out = gradients + <usize>i * laneBytes;
    const x = load<f32>(valuesAt + ((<usize>i) << 2));
    if (i >= singles) scaleSlopes(load<u32>(cellsAt + ((<usize>i) << 2)), x, out);
    store<f32>(out + linearAt, g * x);
  }
}

/** Writes the gradients of all vectors: each is g times the vector it was multiplied with. */
function crossOver(g: f32): void {
  const bytes = vectorBytes,
    gs = f32x4.splat(g),
    last = fields << 2;
  let offset: usize = 0;
  for (let first: usize = 0; first < last; first += 4, offset += bytes) {
    let own = offset + <usize>load<u32>(vectorsAt + first);
    let slope = offset + <usize>load<u32>(slopesAt + first);
    for (let other = first + 4; other < last; other += 4, own += bytes, slope += bytes) {
      scale(own, gs, <usize>load<u32>(slopesAt + other) + offset, bytes);
      scale(<usize>load<u32>(vectorsAt + other) + offset, gs, slope, bytes);
    }
  }
}

@inline
function scale(from: usize, factor: v128, to: usize, bytes: usize): void {
  if (bytes == 8) v128.store64_lane(to, f32x4.mul(v128.load64_zero(from), factor), 0);
  else for (let k: usize = 0; k < bytes; k += 16) v128.store(to + k, f32x4.mul(v128.load(from + k), factor));
}

/** The gradient of a feature's row except its linear weight: x times its field's; zero for the bias. */
function scaleSlopes(field: u32, x: f32, out: usize): void {
  if (field == fields) memory.fill(out, 0, laneBytes);
  else scale(summedSlopesAt + <usize>field * laneBytes, f32x4.splat(x), out, laneBytes);
}
