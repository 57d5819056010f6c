/** Metrics of a range of examples, weighted by importance; null where undefined (no examples, one class only). */
export interface Metrics {
  /** The range is rows [from, to) of the stream, counted from 0. */
  readonly from: number;
  readonly to: number;
  /** Rows counted: all but those whose score, label or weight was not finite. */
  readonly examples: number;
  readonly skipped: number;
  /** Mean logarithmic loss. */
  readonly logloss: number | null;
  /** Area under the ROC curve. */
  readonly auc: number | null;
  /**
   * Largest difference between `auc` and the exact area; 0 up to 65,536 rows, at least 2^-22 for a share of a longer stream.
   */
  readonly auc_error: number | null;
  /** logloss ÷ entropy of the range's own click rate: below 1 is better than always predicting that rate (He et al. 2014). */
  readonly normalized_entropy: number | null;
  /** Predicted ÷ actual clicks: above 1 is over-prediction. */
  readonly calibration: number | null;
}

/** The metrics of rows [from, to) from the kernel's values; older states lack the last one, `auc_error`. */
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

/** null for values that are not finite. */
export function known(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
