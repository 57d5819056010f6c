/** How an entry stores weights: in 4 bytes each, 2, 1 or a half; the last two with a scale (f32) per row. */
export const precisions = ["f32", "f16", "int8", "int4"] as const;
/** Precision of rows in the delta log. */
export type Precision = (typeof precisions)[number];

/** The largest finite f16, used for all larger values. */
const F16_MAX = 65504;
const bits = new Float32Array(1);
const word = new Uint32Array(bits.buffer);

/** The largest finite f32. */
const F32_MAX = 3.4028234663852886e38;

const within = (x: number): number => Math.max(-F32_MAX, Math.min(F32_MAX, x));

/** Replaces NaN by 0 and infinities by the largest numbers: nothing else may reach a replica. */
export function finite(weights: Float32Array): Float32Array {
  return weights.every(Number.isFinite) ? weights : weights.map((w) => (Number.isNaN(w) ? 0 : within(w)));
}

/** The nearest f16 (ties to even) as its 16 bits; values beyond ±65504 become ±65504, NaN 0. */
export function toHalf(x: number): number {
  if (Number.isNaN(x)) return 0;
  bits[0] = Math.min(F16_MAX, Math.max(-F16_MAX, x));
  const sign = (word[0] >>> 16) & 0x8000;
  const magnitude = word[0] & 0x7fffffff;
  // Below 2^-14 an f16 is a multiple of 2^-24.
  if (magnitude < 0x38800000) return sign | roundToEven(Math.abs(bits[0]) * 2 ** 24);
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
}

function roundToEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

export function fromHalf(half: number): number {
  const exponent = (half >>> 10) & 31;
  const fraction = half & 0x3ff;
  const magnitude = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
  return half & 0x8000 ? -magnitude : magnitude;
}

/** f16 bits of weights. */
export function toHalves(weights: Float32Array): Uint16Array {
  return Uint16Array.from(weights, toHalf);
}

export function fromHalves(halves: Uint16Array): Float32Array {
  return Float32Array.from(halves, fromHalf);
}

/** Rows as integers times a scale per row: within half a scale of the original. */
export interface ScaledRows {
  /** f32[rows]: a row's largest magnitude ÷ the largest number. */
  readonly scales: Float32Array;
  /** Row-major. */
  readonly values: Int8Array;
}

/** Rows of `dim` weights as numbers in [-127, 127]. */
export function toInt8(weights: Float32Array, dim: number): ScaledRows {
  return toSteps(weights, dim, 127);
}

function toSteps(weights: Float32Array, dim: number, steps: number): ScaledRows {
  const scales = new Float32Array(weights.length / dim);
  const values = new Int8Array(weights.length);
  for (let row = 0; row < scales.length; row++) {
    const from = row * dim;
    let most = 0;
    for (let i = from; i < from + dim; i++) if (Math.abs(weights[i]) > most) most = Math.abs(weights[i]);
    scales[row] = most / steps;
    const scale = scales[row];
    if (scale === 0) continue;
    for (let i = from; i < from + dim; i++) {
      values[i] = Math.max(-steps, Math.min(steps, Math.round(weights[i] / scale)));
    }
  }
  return { scales, values };
}

export function fromInt8(values: Int8Array, scales: Float32Array, dim: number): Float32Array {
  return Float32Array.from(values, (value, i) => within(value * scales[Math.floor(i / dim)]));
}

/** Bytes of a row of `dim` int4 weights. */
export function int4Bytes(dim: number): number {
  return (dim + 1) >> 1;
}

/**
 * Rows of `dim` weights as numbers in [-7, 7], two per byte: the even one in the low bits. Each row begins with a new
 * byte.
 */
export function toInt4(weights: Float32Array, dim: number): { scales: Float32Array; nibbles: Uint8Array } {
  const { scales, values } = toSteps(weights, dim, 7);
  const nibbles = new Uint8Array(scales.length * int4Bytes(dim));
  values.forEach((value, i) => {
    const column = i % dim;
    nibbles[((i - column) / dim) * int4Bytes(dim) + (column >> 1)] |= (value & 15) << (column & 1 ? 4 : 0);
  });
  return { scales, nibbles };
}

export function fromInt4(nibbles: Uint8Array, scales: Float32Array, dim: number): Float32Array {
  const values = Int8Array.from({ length: scales.length * dim }, (_, i) => {
    const column = i % dim;
    const byte = nibbles[((i - column) / dim) * int4Bytes(dim) + (column >> 1)];
    return (column & 1 ? byte << 24 : byte << 28) >> 28;
  });
  return fromInt8(values, scales, dim);
}
