/** Metrics of a run of examples, weighted by importance; null where undefined (no examples, one class only). */
export interface Metrics {
  /** The run is rows [from, to) of the stream, counted from 0. */
  readonly from: number;
  readonly to: number;
  /** Rows counted: all but those whose score, label or weight was not finite. */
  readonly examples: number;
  readonly skipped: number;
  /** Mean logarithmic loss. */
  readonly logloss: number | null;
  /** Area under the ROC curve. */
  readonly auc: number | null;
  /** The most that `auc` may differ from the exact area; 0 up to 65,536 rows, at least 2^-22 of a share of more rows than that. */
  readonly auc_error: number | null;
  /** logloss / entropy of the run's own click rate: below 1 is better than always predicting that rate (He et al. 2014). */
  readonly normalized_entropy: number | null;
  /** Predicted ÷ actual clicks: above 1 is over-prediction. */
  readonly calibration: number | null;
}

/** Of rows [from, to), from what the kernel evaluates; before `auc_error` was known it had a value less. */
export function metrics(from: number, to: number, values: readonly number[]): Metrics {
  const [rows, skipped, , , logloss, auc, normalizedEntropy, calibration, error] = values;
  return {
    from,
    to,
    examples: rows - skipped,
    skipped,
    logloss: known(logloss),
    auc: known(auc),
    auc_error: known(error ?? Number.NaN),
    normalized_entropy: known(normalizedEntropy),
    calibration: known(calibration),
  };
}

/** null in place of what is not finite. */
export function known(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
