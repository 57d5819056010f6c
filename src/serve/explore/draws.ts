import type { Rng } from "../../core/rng.js";

/** Uniform in the open interval (0, 1). */
export const openUniform = (rng: Rng): number => (rng.next() + 0.5) / 2 ** 32;

/** A standard normal number (Box and Muller 1958). */
export function normal(rng: Rng): number {
  return Math.sqrt(-2 * Math.log(openUniform(rng))) * Math.cos(2 * Math.PI * openUniform(rng));
}

/** Indices by descending value; equal ones in order. */
export function byHighest(values: Float64Array): number[] {
  return [...values.keys()].sort((a, b) => values[b] - values[a] || a - b);
}

/** The distribution function of the standard normal (erfc by Chebyshev polynomials; relative error below 2e-7). */
export function normalBelow(x: number): number {
  const z = Math.abs(x) * Math.SQRT1_2;
  const t = 2 / (2 + z);
  let terms = 0;
  for (let i = COEFFICIENTS.length - 1; i >= 0; i--) terms = terms * t + COEFFICIENTS[i];
  const above = 0.5 * t * Math.exp(-z * z + terms);
  return x >= 0 ? 1 - above : above;
}

const COEFFICIENTS = [
  -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223,
  0.17087277,
];
