import type { OptimizerSpec } from "../../src/spec/compiled.js";
import { mix } from "../mix.js";
import { type ReferenceOptimizer, referenceOptimizer, type State } from "./reference.js";

/**
 * Scalar references of the low precision rows: the same f32 operations in the same order, one weight at a time, written from
 * the comments of src/kernels/assembly/table/codec.ts and ftrl.ts.
 */

export type PackedPrecision = "f16" | "int8" | "int4" | "int2" | "q2.13";
/** Numbers in [0, 2^16) for each weight; null rounds to the nearest. */
export type Dither = ((i: number) => number) | null;

const f = Math.fround;
const MASK = 2n ** 64n - 1n;
const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

function bitsOf(x: number): number {
  float[0] = x;
  return word[0];
}

/** The random bits of the `count`-th row that is rounded. */
export function ditherOf(seed: bigint, count: number): Dither {
  const draw = mix((mix(~seed & MASK) + BigInt(count) * 0x9e3779b97f4a7c15n) & MASK);
  const [low, high] = [Number(draw & 0xffffffffn), Number(draw >> 32n)];
  return (i) => {
    let x = (low + Math.imul(i, 0x9e3779b9)) >>> 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    return ((x ^ (x >>> 16) ^ high) >>> 0) >>> 16;
  };
}

/** floor(x + U), within [low, high]. */
function roundTo(x: number, u: number | undefined, low: number, high: number): number {
  const whole = Math.floor(x);
  return Math.max(low, Math.min(high, whole + Math.floor(f(f(x - whole) + (u ?? 0x8000) / 65536)))) | 0;
}

function toEven(x: number): number {
  const down = Math.floor(x);
  const rest = x - down;
  return down + (rest > 0.5 || (rest === 0.5 && down % 2 === 1) ? 1 : 0);
}

export function halfOf(x: number, u: number | undefined): number {
  const size = Math.min(Math.abs(x), 65504);
  let half: number;
  if (size < 2 ** -14) half = u === undefined ? toEven(size * 2 ** 24) : roundTo(size * 2 ** 24, u, 0, 1024);
  else {
    const odd = (bitsOf(size) >>> 13) & 1;
    const bits = (bitsOf(size) + (u === undefined ? 0xfff + odd : u >>> 3)) >>> 13;
    half = bits - (112 << 10);
  }
  const exponent = half >>> 10;
  const magnitude = exponent === 0 ? half * 2 ** -24 : (1 + (half & 0x3ff) / 1024) * 2 ** (exponent - 15);
  return x < 0 || Object.is(x, -0) ? -magnitude : magnitude;
}

export function scaleFor(largest: number, most: number, before: number): number {
  const span = f(before * most);
  if (largest <= span && largest >= (most === 1 ? span : f(span * 0.5))) return before;
  if (largest === 0) return most === 1 ? before : 0;
  const room = before > 0 && most > 1 ? f(largest * f(1.125)) : largest;
  const scale = Math.max(f(room / most), 2 ** -110);
  word[0] = (bitsOf(scale) + 0xffff) & 0xffff0000;
  return float[0];
}

/** A row's weights after quantization to a precision, and its scale (1 if it has none). */
export function rounded(
  w: readonly number[],
  precision: PackedPrecision,
  dither: Dither,
  before: number,
): { w: number[]; scale: number } {
  const u = (i: number): number | undefined => dither?.(i);
  if (precision === "f16") return { w: w.map((x, i) => halfOf(x, u(i))), scale: 1 };
  if (precision === "q2.13") {
    return { w: w.map((x, i) => roundTo(f(x * 8192), u(i), -32768, 32767) / 8192), scale: 1 };
  }
  const most = { int8: 127, int4: 7, int2: 1 }[precision];
  const scale = scaleFor(Math.min(2 ** 125, Math.max(...w.map(Math.abs))), most, before);
  return { w: w.map((x, i) => f(roundTo(f(x / (scale || 1)), u(i), -most, most) * scale)), scale };
}

/** An optimizer whose rows are packed, of one table: its rows share the count of rounded rows. */
export function packedOptimizer(
  spec: OptimizerSpec,
  precision: PackedPrecision,
  rounding: "nearest" | undefined,
  seed: bigint,
): ReferenceOptimizer {
  let count = 0;
  const next = (): Dither => (rounding === "nearest" ? null : ditherOf(seed, ++count));
  const inner = referenceOptimizer(spec);
  return spec.kind === "ftrl" ? packedFtrl(spec, inner, precision, next) : packedStored(inner, precision, next);
}

/** The optimizers that store their weights. */
function packedStored(inner: ReferenceOptimizer, precision: PackedPrecision, next: () => Dither): ReferenceOptimizer {
  const round = (state: State, dither: Dither): void => {
    const { w, scale } = rounded(state.w, precision, dither, state.scale?.[0] ?? 0);
    state.w = w;
    state.scale = [scale];
  };
  return {
    ...inner,
    create: (initial) => {
      const state = inner.create(initial);
      round(state, null);
      return state;
    },
    update: (state, g) => {
      inner.update(state, g);
      round(state, next());
    },
  };
}

/** FTRL as (u, r): u = z / D(n), r = sqrt(n). */
function packedFtrl(
  spec: Extract<OptimizerSpec, { kind: "ftrl" }>,
  inner: ReferenceOptimizer,
  precision: PackedPrecision,
  next: () => Dither,
): ReferenceOptimizer {
  const [inverse, beta, l2] = [1 / spec.alpha, spec.beta, spec.l2].map(f);
  const divisor = (r: number): number => f(f(f(beta + r) * inverse) + l2);
  const weights = ({ u, r }: State): number[] =>
    inner.weights({ z: u.map((x, i) => f(x * divisor(r[i]))), n: r.map((x) => f(x * x)) });
  return {
    beginStep: () => {},
    weights,
    create: (initial) => {
      const { z } = inner.create(initial);
      const u = z.map((x) => (divisor(0) > 0 ? f(x / divisor(0)) : 0));
      return { u: rounded(u, precision, null, 0).w, r: initial.map(() => 0) };
    },
    update: (state, g) => {
      const w = weights(state);
      const dither = next();
      const lanes = g.length === 1 ? 1 : (g.length + 3) & ~3;
      const grown = state.r.map((r, i) => f(Math.sqrt(f(f(r * r) + f(g[i] * g[i])))));
      const r = rounded(grown, "f16", dither && ((i) => dither(lanes + i)), 0).w;
      const u = state.u.map((x, i) => {
        const pull = f(g[i] - f(f(f(r[i] - state.r[i]) * inverse) * f(x + w[i])));
        return divisor(r[i]) > 0 ? f(x + f(pull / divisor(r[i]))) : x;
      });
      state.r = r;
      state.u = rounded(u, precision, dither, 0).w;
    },
  };
}
