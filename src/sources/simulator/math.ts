/**
 * Arithmetic of the simulator: only + − × ÷ and square root, so that every machine and Node version gives the same
 * bytes.
 */

/** e^x for |x| <= 40, to 1e-13: 2^k times the Taylor polynomial of the remainder. */
export function exp(x: number): number {
  const k = Math.floor(x / Math.LN2 + 0.5);
  const r = x - k * Math.LN2;
  let sum = 1;
  for (let i = 12; i > 0; i--) sum = 1 + (r / i) * sum;
  const half = k >= 0 ? 2 : 0.5;
  for (let i = k >= 0 ? k : -k; i > 0; i--) sum *= half;
  return sum;
}

export function sigmoid(x: number): number {
  return 1 / (1 + exp(-x));
}

/** Hash of two 32-bit integers to 32 bits: the "triple32"-style finaliser over their mix. */
export function mix(a: number, b: number): number {
  let h = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(b + 0x165667b1, 0xc2b2ae35);
  h ^= h >>> 17;
  h = Math.imul(h, 0xed5ad4bb);
  h ^= h >>> 11;
  h = Math.imul(h, 0xac4c1b51);
  h ^= h >>> 15;
  h = Math.imul(h, 0x31848bab);
  return (h ^ (h >>> 14)) >>> 0;
}

/** Attributes of a numbered entity, drawn from its number alone, so nothing needs to be stored. */
export class Draws {
  private key = 0;
  private count = 0;

  /** Starts the draws of entity `id` of a kind. */
  of(kindSeed: number, id: number): this {
    this.key = mix(kindSeed, id);
    this.count = 0;
    return this;
  }

  /** Uniform in [0, 1). */
  uniform(): number {
    return mix(this.key, this.count++) / 4294967296;
  }

  /** Uniform integer in [0, n). */
  below(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** Mean 0, standard deviation 1, bell-shaped, within ±3.46: the scaled sum of four uniforms. */
  normal(): number {
    return (this.uniform() + this.uniform() + this.uniform() + this.uniform() - 2) * 1.7320508075688772;
  }

  /** An index drawn from a cumulative distribution that ends in 1. */
  pick(cumulative: Float64Array): number {
    const u = this.uniform();
    let i = 0;
    while (u >= cumulative[i]) i++;
    return i;
  }
}

/** The cumulative distribution of weights. */
export function cumulative(weights: readonly number[]): Float64Array {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const shares = Float64Array.from(weights, (weight) => weight / total);
  for (let i = 1; i < shares.length; i++) shares[i] += shares[i - 1];
  shares[shares.length - 1] = 1;
  return shares;
}

/**
 * Rank in [0, n) by Zipf–Mandelbrot: share of rank r ∝ (r + shift)^-s, s = 1 − 2^-halvings, by inverting the integral:
 * with that s the inverse is repeated squaring, its bounds repeated square roots.
 * @param u uniform in [0, 1)
 */
export function zipf(u: number, n: number, shift: number, halvings: number): number {
  const low = root(shift, halvings);
  let x = low + u * (root(n + shift, halvings) - low);
  for (let i = 0; i < halvings; i++) x *= x;
  const rank = Math.floor(x - shift);
  return rank < 0 ? 0 : rank >= n ? n - 1 : rank;
}

function root(x: number, halvings: number): number {
  for (let i = 0; i < halvings; i++) x = Math.sqrt(x);
  return x;
}

/** A triangle wave of period 1: +1 at 0, −1 at 0.5, linear between. */
export function triangle(x: number): number {
  const part = x - Math.floor(x);
  return part < 0.5 ? 1 - 4 * part : 4 * part - 3;
}
