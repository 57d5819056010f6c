/** Ranking and calibration quality of scores, with standard errors. */
export interface Quality {
  /** Number of rows. */
  readonly rows: number;
  /** Area under the ROC curve. */
  readonly auc: number;
  readonly auc_se: number;
  readonly logloss: number;
  readonly logloss_se: number;
}

/** Quality and its difference to a baseline scored on the same rows; the standard errors of the differences are paired. */
export interface Compared extends Quality {
  readonly auc_delta: number;
  readonly auc_delta_se: number;
  readonly logloss_delta: number;
  readonly logloss_delta_se: number;
}

/** A row's position is packed into the lower bits of a double with its sort key. */
const PLACE = 2 ** 21;

/**
 * Quality of logits over some rows, compared with a baseline's. AUC and its covariances are those of DeLong, DeLong &
 * Clarke-Pearson (1988), computed from ranks.
 * @param rows the rows to use, at most 2^21
 * @returns null if one class is missing
 */
export function compare(
  logits: Float32Array,
  baseline: Float32Array,
  labels: Uint8Array,
  rows: Uint32Array,
): Compared | null {
  const positives = rows.reduce((sum, row) => sum + labels[row], 0);
  if (positives < 2 || rows.length - positives < 2) return null;
  const own = placements(logits, labels, rows);
  const other = placements(baseline, labels, rows);
  const losses = lossesOf(logits, labels, rows);
  const auc = aucOf(own, labels, rows);
  const aucDelta = aucOf(minus(own, other), labels, rows);
  const logloss = moments(losses);
  const loglossDelta = moments(minus(losses, lossesOf(baseline, labels, rows)));
  return {
    rows: rows.length,
    auc: auc.mean,
    auc_se: auc.se,
    logloss: logloss.mean,
    logloss_se: Math.sqrt(logloss.variance / rows.length),
    auc_delta: aucDelta.mean,
    auc_delta_se: aucDelta.se,
    logloss_delta: loglossDelta.mean,
    logloss_delta_se: Math.sqrt(loglossDelta.variance / rows.length),
  };
}

/** The mean over independent folds. */
export function average(folds: readonly Compared[]): Compared {
  const mean = (key: keyof Compared) => folds.reduce((sum, fold) => sum + fold[key], 0) / folds.length;
  const error = (key: keyof Compared) => Math.sqrt(folds.reduce((sum, fold) => sum + fold[key] ** 2, 0)) / folds.length;
  return {
    rows: mean("rows") * folds.length,
    auc: mean("auc"),
    auc_se: error("auc_se"),
    logloss: mean("logloss"),
    logloss_se: error("logloss_se"),
    auc_delta: mean("auc_delta"),
    auc_delta_se: error("auc_delta_se"),
    logloss_delta: mean("logloss_delta"),
    logloss_delta_se: error("logloss_delta_se"),
  };
}

/**
 * Placement values: for a positive the share of negatives scored below it, for a negative the share of positives above it; ties
 * count half. Their mean over either class is the AUC.
 */
function placements(scores: Float32Array, labels: Uint8Array, rows: Uint32Array): Float64Array {
  const sorted = packed(scores, rows).sort();
  const total = [0, 0];
  for (const row of rows) total[labels[row]]++;
  const values = new Float64Array(rows.length);
  const below = [0, 0];
  for (let from = 0; from < sorted.length; ) {
    const score = Math.floor(sorted[from] / PLACE);
    const tied = [0, 0];
    let to = from;
    for (; to < sorted.length && Math.floor(sorted[to] / PLACE) === score; to++)
      tied[labels[rows[sorted[to] % PLACE]]]++;
    const positive = (below[0] + tied[0] / 2) / total[0];
    const negative = (total[1] - below[1] - tied[1] / 2) / total[1];
    for (; from < to; from++) values[sorted[from] % PLACE] = labels[rows[sorted[from] % PLACE]] ? positive : negative;
    below[0] += tied[0];
    below[1] += tied[1];
  }
  return values;
}

/** score · 2^21 + position, in score order; the bits of a float are adjusted to sort as integers. */
function packed(scores: Float32Array, rows: Uint32Array): Float64Array {
  const keys = new Float64Array(rows.length);
  const float = new Float32Array(1);
  const bits = new Uint32Array(float.buffer);
  for (let i = 0; i < rows.length; i++) {
    float[0] = scores[rows[i]] + 0;
    const key = (bits[0] & 0x80000000 ? ~bits[0] : bits[0] | 0x80000000) >>> 0;
    keys[i] = key * PLACE + i;
  }
  return keys;
}

function aucOf(values: Float64Array, labels: Uint8Array, rows: Uint32Array): { mean: number; se: number } {
  const of = (label: number) => moments(values.filter((_, i) => labels[rows[i]] === label));
  const negatives = of(0);
  const positives = of(1);
  return {
    mean: positives.mean,
    se: Math.sqrt(positives.variance / positives.count + negatives.variance / negatives.count),
  };
}

function lossesOf(logits: Float32Array, labels: Uint8Array, rows: Uint32Array): Float64Array {
  return Float64Array.from(rows, (row) => {
    const x = labels[row] ? -logits[row] : logits[row];
    return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
  });
}

function minus(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, i) => value - b[i]);
}

function moments(values: Float64Array): { mean: number; variance: number; count: number } {
  const count = values.length;
  let mean = 0;
  for (const value of values) mean += value / count;
  let variance = 0;
  for (const value of values) variance += (value - mean) ** 2 / (count - 1);
  return { mean, variance, count };
}
