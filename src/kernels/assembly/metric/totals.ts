// Totals of a run of examples: f64[8] rows, skipped rows, weight, positive weight, sum of w*p, sum of w*logloss, a factor, 0.
// What the loss lacks yet is the logarithm of the factor: one logarithm for many rows of weight 1, whose 1 + t are multiplied.
import { auc, aucError } from "./area";
import { measure } from "./cells";
import { probability } from "./logistic";

const ROWS: usize = 0;
const SKIPPED: usize = 8;
const WEIGHT: usize = 16;
const POSITIVE: usize = 24;
const PREDICTED: usize = 32;
const LOSS: usize = 40;
const FACTOR: usize = 48;

/** Far enough below the largest f64 for one more factor of at most 2. */
const FULL: f64 = 1e300;

// @ts-ignore: decorator
@inline
function add(at: usize, value: f64): void {
  store<f64>(at, load<f64>(at) + value);
}

/** The place of a score among all f32 numbers, as an unsigned integer; both zeros are one. */
// @ts-ignore: decorator
@inline
function orderOf(score: f32): u32 {
  const bits = reinterpret<u32>(score + 0);
  return bits >> 31 ? ~bits : bits | 0x80000000;
}

// @ts-ignore: decorator
@inline
function put(row: usize, order: u32, negative: f32, positive: f32): void {
  store<u32>(row, order);
  store<f32>(row, negative, 4);
  store<f32>(row, positive, 8);
}

/**
 * Counts `rows` examples: f32 logits (or true probabilities, when `probabilities` is 1), labels and weights. A label between
 * 0 and 1 is that share of a positive, and the rest of a negative. Each is also written to `kept`, 12 bytes: the score's place
 * (u32), weights of the negative and of the positive (f32). A row whose score, label or weight is not finite is skipped and
 * counted, and has no weight there.
 */
export function accumulate(
  totals: usize, kept: usize, scores: usize, probabilities: u32, labels: usize, weights: usize, rows: u32,
): void {
  let skipped: u32 = 0;
  let weight = load<f64>(totals, WEIGHT);
  let positives = load<f64>(totals, POSITIVE);
  let predicted = load<f64>(totals, PREDICTED);
  let loss = load<f64>(totals, LOSS);
  let factor = load<f64>(totals, FACTOR);
  for (let at: usize = 0, end = <usize>rows << 2; at < end; at += 4) {
    const score = load<f32>(scores + at);
    const x = probabilities ? logit(<f64>score) : <f64>score;
    const w = <f64>load<f32>(weights + at);
    const y = <f64>load<f32>(labels + at);
    const row = kept + 3 * at;
    // x - x is 0 for finite x and NaN otherwise.
    if (x - x + (w - w) + (y - y) != 0) {
      skipped++;
      put(row, 0, 0, 0);
      continue;
    }
    const t = NativeMath.exp(-abs(x));
    weight += w;
    positives += w * y;
    predicted += w * <f64>(<f32>probability(x, t));
    loss += w * (max(x, 0.0) - x * y);
    if (w == 1) factor *= 1 + t;
    else loss += w * NativeMath.log1p(t);
    if (factor > FULL) {
      loss += NativeMath.log(factor);
      factor = 1;
    }
    put(row, orderOf(score), <f32>(w * (1 - y)), <f32>(w * y));
  }
  add(totals + ROWS, <f64>rows);
  add(totals + SKIPPED, <f64>skipped);
  store<f64>(totals, weight, WEIGHT);
  store<f64>(totals, positives, POSITIVE);
  store<f64>(totals, predicted, PREDICTED);
  store<f64>(totals, loss, LOSS);
  store<f64>(totals, factor, FACTOR);
}

/** ln(p / (1 - p)): infinite at 0 and 1, NaN outside. */
// @ts-ignore: decorator
@inline
function logit(p: f64): f64 {
  return NativeMath.log(p) - NativeMath.log1p(-p);
}

/**
 * Writes f64[9]: rows, skipped, weight, positives, logloss, auc, normalized entropy, calibration, and how far auc may be
 * from that of the rows themselves; NaN where undefined. AUC is that of a list of cells.
 */
export function evaluate(totals: usize, cells: usize, count: u32, out: usize): void {
  const weight = load<f64>(totals, WEIGHT);
  const positive = load<f64>(totals, POSITIVE);
  const loss = (load<f64>(totals, LOSS) + NativeMath.log(load<f64>(totals, FACTOR))) / weight;
  const rate = positive / weight;
  const entropy = -(rate * NativeMath.log(rate) + (1 - rate) * NativeMath.log1p(-rate));
  measure(cells, count);
  store<f64>(out, load<f64>(totals, ROWS));
  store<f64>(out, load<f64>(totals, SKIPPED), 8);
  store<f64>(out, weight, 16);
  store<f64>(out, positive, 24);
  store<f64>(out, loss, 32);
  store<f64>(out, auc(), 40);
  store<f64>(out, loss / entropy, 48);
  store<f64>(out, positive > 0 ? load<f64>(totals, PREDICTED) / positive : NaN, 56);
  store<f64>(out, aucError(), 64);
}
