import { mix } from "../../tables/reference.js";

const MASK = 2n ** 64n - 1n;
const GOLDEN = 0x9e3779b97f4a7c15n;

/** The coefficients a, b, c of each hash: outputs of splitmix64 started at the seed. */
export function hashFunctions(hashes: number, seed: bigint): { a: bigint; b: bigint; c: bigint }[] {
  let state = seed;
  const draw = () => {
    state = (state + GOLDEN) & MASK;
    return mix(state);
  };
  return Array.from({ length: hashes }, () => ({ a: draw(), b: draw(), c: draw() }));
}

/** The upper 32 bits of (a lo + b hi + c) mod 2^64, lo and hi the halves of the mixed key. */
export function hashOf(key: bigint, { a, b, c }: { a: bigint; b: bigint; c: bigint }): number {
  const mixed = mix(key);
  return Number(((a * (mixed & 0xffffffffn) + b * (mixed >> 32n) + c) & MASK) >> 32n);
}

export function uniformCode(hash: number): number {
  return (2 * (hash >>> 8) + 1 - 2 ** 24) / 2 ** 24;
}

/** The quantile of the middle of one of 4096 equal parts, by bisection of the distribution function. */
export function normalCode(hash: number): number {
  const p = ((hash >>> 20) + 0.5) / 4096;
  let [low, high] = [-6, 6];
  for (let i = 0; i < 80; i++) {
    const middle = (low + high) / 2;
    if (normalDistribution(middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** 1/2 + density(x) · (x + x³/3 + x⁵/15 + …), which converges for every x. */
function normalDistribution(x: number): number {
  let [term, sum] = [x, x];
  for (let n = 3; Math.abs(term) > 1e-18; n += 2) {
    term *= (x * x) / n;
    sum += term;
  }
  return 0.5 + (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)) * sum;
}
