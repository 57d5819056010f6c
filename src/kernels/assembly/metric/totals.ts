// Totals of a run of examples. The loss needs one logarithm for many rows of weight 1, whose factors 1 + t are
// multiplied; the logarithm of the current factor is added later.
import { auc, aucError } from "./area";
import { measure } from "./cells";
import { probability } from "./logistic";
import { Result, Row, ROW_BYTES, Totals } from "./records";

/** Low enough that one more factor of at most 2 does not overflow f64. */
const FULL: f64 = 1e300;

/** The rank of a score among all f32 numbers, as an unsigned integer; both zeros have the same rank. */
@inline
function orderOf(score: f32): u32 {
  const bits = reinterpret<u32>(score + 0);
  return bits >> 31 ? ~bits : bits | 0x80000000;
}

@inline
function put(at: usize, place: u32, negative: f32, positive: f32): void {
  const row = changetype<Row>(at);
  row.place = place;
  row.negative = negative;
  row.positive = positive;
}

/**
 * Counts `rows` examples: f32 logits (or true probabilities, if `probabilities` is 1), labels and weights. A label
 * between 0 and 1 counts as that share of a positive, and the rest as a negative. Each example is also written to
 * `kept`, a Row. An example whose score, label or weight is not finite is skipped and counted, and has weight 0 there.
 */
export function accumulate(
  sums: usize,
  kept: usize,
  scores: usize,
  probabilities: u32,
  labels: usize,
  weights: usize,
  rows: u32,
): void {
  const totals = changetype<Totals>(sums);
  let skipped: u32 = 0;
  let weight = totals.weight;
  let positives = totals.positive;
  let predicted = totals.predicted;
  let loss = totals.loss;
  let factor = totals.factor;
  for (let at: usize = 0, end = (<usize>rows) << 2; at < end; at += 4) {
    const score = load<f32>(scores + at);
    const x = probabilities ? logit(<f64>score) : <f64>score;
    const w = <f64>load<f32>(weights + at);
    const y = <f64>load<f32>(labels + at);
    const row = kept + (at >> 2) * ROW_BYTES;
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
  totals.rows += <f64>rows;
  totals.skipped += <f64>skipped;
  totals.weight = weight;
  totals.positive = positives;
  totals.predicted = predicted;
  totals.loss = loss;
  totals.factor = factor;
}

/** ln(p / (1 - p)): infinite at 0 and 1, NaN outside. */
@inline
function logit(p: f64): f64 {
  return NativeMath.log(p) - NativeMath.log1p(-p);
}

/** Writes a Result. The AUC is computed from a list of cells. */
export function evaluate(sums: usize, cells: usize, count: u32, out: usize): void {
  const totals = changetype<Totals>(sums);
  const result = changetype<Result>(out);
  const weight = totals.weight;
  const positive = totals.positive;
  const loss = (totals.loss + NativeMath.log(totals.factor)) / weight;
  const rate = positive / weight;
  const entropy = -(rate * NativeMath.log(rate) + (1 - rate) * NativeMath.log1p(-rate));
  measure(cells, count);
  result.rows = totals.rows;
  result.skipped = totals.skipped;
  result.weight = weight;
  result.positive = positive;
  result.logloss = loss;
  result.auc = auc();
  result.normalizedEntropy = loss / entropy;
  result.calibration = positive > 0 ? totals.predicted / positive : NaN;
  result.aucError = aucError();
}
