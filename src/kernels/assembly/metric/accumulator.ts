// An accumulator of weighted binary-classification metrics over a run of examples. Its bytes:
//   f64[8]       rows, skipped rows, weight, positive weight, sum of w*p, sum of w*logloss, 0, 0
//   f64[bins][2] weight of negatives and of positives per bin of the logit, for the AUC
// Bins are equal slices of the logit from -16 to 16; logits outside fall into the outermost bins.
import { logloss, probability } from "./logistic";

const RANGE: f64 = 16;
const ROWS: usize = 0;
const SKIPPED: usize = 8;
const WEIGHT: usize = 16;
const POSITIVE: usize = 24;
const PREDICTED: usize = 32;
const LOSS: usize = 40;
const HISTOGRAM: usize = 64;

/** Bytes of an accumulator with `bins` bins (a power of two). */
export function accumulatorBytes(bins: u32): u32 {
  return <u32>HISTOGRAM + (bins << 4);
}

// @ts-ignore: decorator
@inline
function add(at: usize, value: f64): void {
  store<f64>(at, load<f64>(at) + value);
}

// @ts-ignore: decorator
@inline
function binOf(x: f64, bins: u32): u32 {
  const place = (x + RANGE) * (<f64>bins / (2 * RANGE));
  return <u32>max<f64>(0, min<f64>(place, <f64>(bins - 1)));
}

// @ts-ignore: decorator
@inline
function observe(accumulator: usize, bins: u32, x: f64, y: f32, weight: f32): void {
  const w = <f64>weight;
  const positive = <f64>y;
  // x - x is 0 for finite x and NaN otherwise.
  if (x - x + (w - w) + (positive - positive) != 0) {
    add(accumulator + SKIPPED, 1);
    return;
  }
  const t = NativeMath.exp(-abs(x));
  add(accumulator + WEIGHT, w);
  add(accumulator + POSITIVE, w * positive);
  add(accumulator + PREDICTED, w * <f64>(<f32>probability(x, t)));
  add(accumulator + LOSS, w * logloss(x, t, positive));
  const bin = accumulator + HISTOGRAM + (<usize>binOf(x, bins) << 4);
  add(bin, w * (1 - positive));
  add(bin + 8, w * positive);
}

/**
 * Counts `rows` examples: f32 logits (or true probabilities, when `probabilities` is 1), labels and weights. A label between
 * 0 and 1 is that share of a positive, and the rest of a negative. A row whose score, label or weight is not finite is skipped
 * and counted.
 */
export function accumulate(
  accumulator: usize, bins: u32, scores: usize, probabilities: u32, labels: usize, weights: usize, rows: u32,
): void {
  add(accumulator + ROWS, <f64>rows);
  for (let at: usize = 0, end = <usize>rows << 2; at < end; at += 4) {
    const score = <f64>load<f32>(scores + at);
    const x = probabilities ? logit(score) : score;
    observe(accumulator, bins, x, load<f32>(labels + at), load<f32>(weights + at));
  }
}

/** ln(p / (1 - p)): infinite at 0 and 1, NaN outside. */
// @ts-ignore: decorator
@inline
function logit(p: f64): f64 {
  return NativeMath.log(p) - NativeMath.log1p(-p);
}

/** Adds accumulator `from` to `into`, which has 2^fold times fewer bins. */
export function merge(from: usize, into: usize, bins: u32, fold: u32): void {
  for (let at: usize = 0; at < HISTOGRAM; at += 16) add2(into + at, v128.load(from + at));
  for (let bin: u32 = 0; bin < bins; bin++) {
    add2(into + HISTOGRAM + (<usize>(bin >> fold) << 4), v128.load(from + HISTOGRAM + (<usize>bin << 4)));
  }
}

// @ts-ignore: decorator
@inline
function add2(at: usize, value: v128): void {
  v128.store(at, f64x2.add(v128.load(at), value));
}

/**
 * Area under the ROC curve: the share of (positive, negative) pairs in which the positive scored higher; a pair inside
 * one bin counts 1/2. NaN when either class is absent.
 */
function auc(accumulator: usize, bins: u32): f64 {
  let negatives: f64 = 0;
  let positives: f64 = 0;
  let area: f64 = 0;
  for (let at = accumulator + HISTOGRAM, end = at + (<usize>bins << 4); at < end; at += 16) {
    const negative = load<f64>(at);
    const positive = load<f64>(at, 8);
    area += positive * (negatives + 0.5 * negative);
    negatives += negative;
    positives += positive;
  }
  return area / (positives * negatives);
}

/** Writes f64[8]: rows, skipped, weight, positives, logloss, auc, normalized entropy, calibration; NaN where undefined. */
export function evaluate(accumulator: usize, bins: u32, out: usize): void {
  const weight = load<f64>(accumulator + WEIGHT);
  const positive = load<f64>(accumulator + POSITIVE);
  const loss = load<f64>(accumulator + LOSS) / weight;
  const rate = positive / weight;
  const entropy = -(rate * NativeMath.log(rate) + (1 - rate) * NativeMath.log1p(-rate));
  store<f64>(out, load<f64>(accumulator + ROWS));
  store<f64>(out, load<f64>(accumulator + SKIPPED), 8);
  store<f64>(out, weight, 16);
  store<f64>(out, positive, 24);
  store<f64>(out, loss, 32);
  store<f64>(out, auc(accumulator, bins), 40);
  store<f64>(out, loss / entropy, 48);
  store<f64>(out, positive > 0 ? load<f64>(accumulator + PREDICTED) / positive : NaN, 56);
}
