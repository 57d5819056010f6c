// Weights in fewer bits than f32. Codes of a row of `lanes` weights are consecutive:
// f16     2 bytes each, clipped to +-65504
// q2.13   2 bytes each: integral multiples of 2^-13, clipped to [-4, 4) (Golovin et al. 2013)
// int8    1 byte each, multiples in [-127, 127] of the row's scale, which follows them as a bf16
// int4    4 bits each, the even one below the odd one, in [-7, 7], and the scale likewise
// int2    2 bits each, the first the lowest: -1, 0 or 1, and the scale likewise
// Rounding is to nearest, or stochastic: floor(x / step + U) with U uniform in [0, 1), so that E[code] = x / step. A
// weight that is exactly a code is unchanged by either: a scale has 8 significant bits, so code * scale is exact.
import { GOLDEN, mix } from "./initial";
import { copyFloats } from "./lanes";

/** Numbers of the codecs, as in src/core/row-layout.ts. */
export const F32: u32 = 0;
export const F16: u32 = 1;
const Q2_13: u32 = 2;
export const INT8: u32 = 3;
const INT4: u32 = 4;
const INT2: u32 = 5;

/**
 * Headroom of a new scale above a row's largest weight; and the share of a scale's range that a row must use to keep
 * it.
 */
const HEADROOM: f32 = 1.125;
const USED: f32 = 0.5;
/** Bounds of scales: neither they nor the weights they span can overflow or underflow. */
const SMALLEST_SCALE: f32 = 2 ** -110;
const LARGEST: f32 = 2 ** 125;

let start: u64 = 0;
/** Number of rows rounded stochastically so far. */
export let roundings: u64 = 0;
/** Random bits of the current row. */
let draw: u64 = 0;

/**
 * Seeds the stream of random bits: splitmix64, one number per rounded row, starting at another point than the rows' own
 * streams.
 */
export function seedRounding(seed: u64): void {
  start = mix(~seed);
}

export function restoreRoundings(count: u64): void {
  roundings = count;
}

/** Draws the random bits of the next row. */
@inline
export function drawRounding(): void {
  draw = mix(start + ++roundings * GOLDEN);
}

/** Bytes of a row's codes, including its scale. */
export function codeBytes(codec: u32, lanes: u32): u32 {
  if (codec == F32) return lanes << 2;
  if (codec == INT8) return lanes + 2;
  if (codec == INT4) return ((lanes + 1) >> 1) + 2;
  return codec == INT2 ? ((lanes + 3) >> 2) + 2 : lanes << 1;
}

/** Decodes a row's codes to out[lanes]. */
export function decode(codec: u32, codes: usize, out: usize, lanes: u32): void {
  if (codec == F16) decodeHalves(codes, out, lanes);
  else if (codec == Q2_13) decodeFixed(codes, out, lanes);
  else if (codec == F32) copyFloats(out, codes, lanes);
  else decodeScaled(codec, codes, out, lanes);
}

/**
 * Encodes w[lanes], stochastically with the bits of `drawRounding` or to nearest. `first` distinguishes the random bits
 * of a row's arrays. int8, int4 and int2 keep the scale `before` as long as the weights fit it well.
 */
export function encode(codec: u32, w: usize, codes: usize, lanes: u32, nearest: bool, first: u32, before: f32): void {
  if (codec == F16) encodeHalves(w, codes, lanes, nearest, first);
  else if (codec == Q2_13) encodeFixed(w, codes, lanes, nearest, first);
  else if (codec == F32) copyFloats(codes, w, lanes);
  else encodeScaled(codec, w, codes, lanes, nearest, first, before);
}

/** The scale of a row of int8, int4 or int2 codes. */
@inline
export function scaleOf(codec: u32, codes: usize, lanes: u32): f32 {
  return reinterpret<f32>((<u32>load<u16>(codes + codeBytes(codec, lanes) - 2)) << 16);
}

/** Four numbers in [0, 2^16): random ones for weights i to i + 3, or one half, which rounds to nearest. */
@inline
function dither(i: u32, nearest: bool): v128 {
  if (nearest) return i32x4.splat(0x8000);
  const from = <u32>draw + i * 0x9e3779b9;
  let x = i32x4.add(i32x4.splat(from), i32x4(0, 0x9e3779b9, 0x3c6ef372, 0xdaa66d2b));
  // The finaliser of MurmurHash3, on four lanes.
  x = i32x4.mul(v128.xor(x, i32x4.shr_u(x, 16)), i32x4.splat(0x85ebca6b));
  x = i32x4.mul(v128.xor(x, i32x4.shr_u(x, 13)), i32x4.splat(0xc2b2ae35));
  return i32x4.shr_u(v128.xor(v128.xor(x, i32x4.shr_u(x, 16)), i32x4.splat(<i32>(draw >> 32))), 16);
}

/**
 * floor(x + U), clamped to [low, high], which must be within +-2^22. NaN becomes 0. U is added to the fraction alone,
 * because a large x has no bits left for it.
 */
@inline
function roundTo(any: v128, u: v128, low: f32, high: f32): v128 {
  const x = v128.and(any, f32x4.eq(any, any));
  const whole = f32x4.floor(x);
  const part = f32x4.add(f32x4.sub(x, whole), f32x4.mul(f32x4.convert_i32x4_s(u), f32x4.splat(1.0 / 65536.0)));
  const moved = f32x4.add(whole, f32x4.floor(part));
  return integerOf(f32x4.pmin(f32x4.splat(high), f32x4.pmax(f32x4.splat(low), moved)));
}

/** Converts whole floats within +-2^22 to integers: they are in the mantissa after adding 1.5 * 2^23. */
@inline
function integerOf(x: v128): v128 {
  return i32x4.sub(f32x4.add(x, f32x4.splat(12582912)), i32x4.splat(0x4b400000));
}

/** Stores the low 16 bits of four numbers, or of the first alone. */
@inline
function storeShorts(to: usize, x: v128, lanes: u32): void {
  if (lanes == 1) store<u16>(to, <u16>i32x4.extract_lane(x, 0));
  else v128.store64_lane(to, i8x16.swizzle(x, i8x16(0, 1, 4, 5, 8, 9, 12, 13, -1, -1, -1, -1, -1, -1, -1, -1)), 0);
}

@inline
function loadShorts(from: usize, lanes: u32): v128 {
  return lanes == 1 ? v128.load16_lane(from, i32x4.splat(0), 0) : v128.load64_zero(from);
}

function encodeFixed(w: usize, codes: usize, lanes: u32, nearest: bool, first: u32): void {
  for (let i: u32 = 0; i < lanes; i += 4) {
    const x = f32x4.mul(v128.load(w + ((<usize>i) << 2)), f32x4.splat(8192));
    storeShorts(codes + ((<usize>i) << 1), roundTo(x, dither(first + i, nearest), -32768, 32767), lanes);
  }
}

function decodeFixed(codes: usize, out: usize, lanes: u32): void {
  for (let i: u32 = 0; i < lanes; i += 4) {
    const x = i32x4.extend_low_i16x8_s(loadShorts(codes + ((<usize>i) << 1), lanes));
    storeFloats(out + ((<usize>i) << 2), f32x4.mul(f32x4.convert_i32x4_s(x), f32x4.splat(1.0 / 8192.0)), lanes);
  }
}

@inline
function storeFloats(out: usize, x: v128, lanes: u32): void {
  if (lanes == 1) store<f32>(out, f32x4.extract_lane(x, 0));
  else v128.store(out, x);
}

function encodeHalves(w: usize, codes: usize, lanes: u32, nearest: bool, first: u32): void {
  for (let i: u32 = 0; i < lanes; i += 4) {
    const x = halvesOf(v128.load(w + ((<usize>i) << 2)), dither(first + i, nearest), nearest);
    storeShorts(codes + ((<usize>i) << 1), x, lanes);
  }
}

/** The bits of four f16. Rounding to nearest breaks ties to even; NaN becomes 0. */
@inline
function halvesOf(any: v128, u: v128, nearest: bool): v128 {
  const x = v128.and(any, f32x4.eq(any, any));
  const sign = v128.and(i32x4.shr_u(x, 16), i32x4.splat(0x8000));
  const size = f32x4.pmin(f32x4.splat(65504), f32x4.abs(x));
  const odd = v128.and(i32x4.shr_u(size, 13), i32x4.splat(1));
  const added = nearest ? i32x4.add(odd, i32x4.splat(0xfff)) : i32x4.shr_u(u, 3);
  const normal = i32x4.sub(i32x4.shr_u(i32x4.add(size, added), 13), i32x4.splat(112 << 10));
  // Below 2^-14 an f16 is a multiple of 2^-24.
  const steps = f32x4.mul(size, f32x4.splat(16777216));
  const small = nearest ? integerOf(f32x4.pmin(f32x4.splat(1024), f32x4.nearest(steps))) : roundTo(steps, u, 0, 1024);
  return v128.or(sign, v128.bitselect(small, normal, f32x4.lt(size, f32x4.splat(1.0 / 16384.0))));
}

function decodeHalves(codes: usize, out: usize, lanes: u32): void {
  for (let i: u32 = 0; i < lanes; i += 4) {
    const half = i32x4.extend_low_i16x8_u(loadShorts(codes + ((<usize>i) << 1), lanes));
    const size = v128.and(half, i32x4.splat(0x7fff));
    const normal = i32x4.add(i32x4.shl(size, 13), i32x4.splat(112 << 23));
    const small = f32x4.mul(f32x4.convert_i32x4_s(size), f32x4.splat(1.0 / 16777216.0));
    const sign = i32x4.shl(v128.and(half, i32x4.splat(0x8000)), 16);
    const x = v128.bitselect(small, normal, i32x4.lt_s(size, i32x4.splat(0x400)));
    storeFloats(out + ((<usize>i) << 2), v128.or(sign, x), lanes);
  }
}

function encodeScaled(codec: u32, w: usize, codes: usize, lanes: u32, nearest: bool, first: u32, before: f32): void {
  const most: f32 = codec == INT8 ? 127 : codec == INT4 ? 7 : 1;
  const scale = scaleFor(largestOf(w, lanes), most, before);
  store<u16>(codes + codeBytes(codec, lanes) - 2, <u16>(reinterpret<u32>(scale) >> 16));
  const divisor = f32x4.splat(scale > 0 ? scale : 1);
  for (let i: u32 = 0; i < lanes; i += 4) {
    const x = f32x4.div(v128.load(w + ((<usize>i) << 2)), divisor);
    const code = roundTo(x, dither(first + i, nearest), -most, most);
    if (codec == INT8) storeBytes(codes + i, code, lanes);
    else if (codec == INT4) storeNibbles(codes + (i >> 1), code, lanes);
    else storeQuarters(codes + (i >> 2), code);
  }
}

/** The largest magnitude of w[lanes]; NaN is ignored. */
@inline
function largestOf(w: usize, lanes: u32): f32 {
  if (lanes == 1) return min<f32>(abs<f32>(load<f32>(w)), LARGEST);
  let most = f32x4.splat(0);
  for (let i: u32 = 0; i < lanes; i += 4) most = f32x4.pmax(most, f32x4.abs(v128.load(w + ((<usize>i) << 2))));
  most = f32x4.pmax(most, v128.shuffle<f32>(most, most, 2, 3, 0, 1));
  return min<f32>(max<f32>(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1)), LARGEST);
}

/**
 * The scale with which `most` steps span weights of up to `largest`. It is kept while the weights fit and use half of
 * its range: a new scale changes every weight of the row by a rounding error, also those without a gradient. The scale
 * of three levels (int2) follows the largest weight, which is at the end of its range: headroom would grow with each
 * step outwards and never shrink.
 */
@inline
function scaleFor(largest: f32, most: f32, before: f32): f32 {
  const span = before * most;
  if (largest <= span && largest >= span * (most > 1 ? USED : 1)) return before;
  if (largest == 0) return most > 1 ? 0 : before;
  const scale = max<f32>((before > 0 && most > 1 ? largest * HEADROOM : largest) / most, SMALLEST_SCALE);
  return reinterpret<f32>((reinterpret<u32>(scale) + 0xffff) & 0xffff0000);
}

@inline
function storeBytes(to: usize, x: v128, lanes: u32): void {
  const bytes = i8x16.swizzle(x, i8x16(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1));
  if (lanes == 1) store<u8>(to, <u8>i32x4.extract_lane(bytes, 0));
  else v128.store32_lane(to, bytes, 0);
}

@inline
function storeNibbles(to: usize, x: v128, lanes: u32): void {
  const low = v128.and(x, i32x4.splat(15));
  const pair = v128.or(low, i64x2.shr_u(low, 28));
  if (lanes == 1) store<u8>(to, <u8>i32x4.extract_lane(low, 0));
  else store<u16>(to, <u16>(i32x4.extract_lane(pair, 0) | (i32x4.extract_lane(pair, 2) << 8)));
}

@inline
function storeQuarters(to: usize, x: v128): void {
  const placed = i32x4.mul(v128.and(x, i32x4.splat(3)), i32x4(1, 4, 16, 64));
  const pair = v128.or(placed, i64x2.shr_u(placed, 32));
  store<u8>(to, <u8>(i32x4.extract_lane(pair, 0) | i32x4.extract_lane(pair, 2)));
}

function decodeScaled(codec: u32, codes: usize, out: usize, lanes: u32): void {
  const scale = f32x4.splat(scaleOf(codec, codes, lanes));
  for (let i: u32 = 0; i < lanes; i += 4) {
    const code = loadCodes(codec, codes, i, lanes);
    storeFloats(out + ((<usize>i) << 2), f32x4.mul(f32x4.convert_i32x4_s(code), scale), lanes);
  }
}

@inline
function loadCodes(codec: u32, codes: usize, i: u32, lanes: u32): v128 {
  if (codec == INT8) return loadBytes(codes + i, lanes);
  return codec == INT4 ? loadNibbles(codes + (i >> 1), lanes) : loadQuarters(codes + (i >> 2));
}

/** Shifts each lane's two bits to the top, and down again with their sign. */
@inline
function loadQuarters(from: usize): v128 {
  return i32x4.shr_s(i32x4.mul(i32x4.splat(load<u8>(from)), i32x4(1 << 30, 1 << 28, 1 << 26, 1 << 24)), 30);
}

@inline
function loadBytes(from: usize, lanes: u32): v128 {
  if (lanes == 1) return i32x4.splat(load<i8>(from));
  return i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(v128.load32_zero(from)));
}

@inline
function loadNibbles(from: usize, lanes: u32): v128 {
  const pairs: i32 = lanes == 1 ? load<u8>(from) : load<u16>(from);
  // Shifts each lane's four bits to the top, and down again with their sign.
  return i32x4.shr_s(i32x4.mul(i32x4.splat(pairs), i32x4(1 << 28, 1 << 24, 1 << 20, 1 << 16)), 28);
}
