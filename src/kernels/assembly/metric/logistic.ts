// The logistic function, shared by the metric and table kernels: a probability is computed in one place only.

const LEAST: f64 = 1.1754943508222875e-38; // 2^-126, the smallest normal f32
const MOST: f64 = 0.9999999403953552; // 1 - 2^-24, the largest f32 below 1

/** p = 1 / (1 + exp(-x)) in f64, clamped to the f32 numbers strictly between 0 and 1. NaN stays NaN. */
@inline
export function sigmoid(x: f64): f64 {
  return probability(x, NativeMath.exp(-abs(x)));
}

/** The same, given t = exp(-|x|). */
@inline
export function probability(x: f64, t: f64): f64 {
  return min(max((x >= 0 ? 1.0 : t) / (1.0 + t), LEAST), MOST);
}
