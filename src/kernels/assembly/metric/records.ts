// The structs of the metric kernel, whose layouts the module exports.

/** Totals of a run of examples. The logarithm of `factor` is still to be added to the loss: see totals.ts. */
@unmanaged
export class Totals {
  rows: f64;
  skipped: f64;
  weight: f64;
  positive: f64;
  /** Sums of w * p, and of w * logloss. */
  predicted: f64;
  loss: f64;
  factor: f64;
  spare: f64;
}

/** A counted row: the rank of its score among all f32 numbers, and its weights as a negative and as a positive. */
@unmanaged
export class Row {
  place: u32;
  negative: f32;
  positive: f32;
}
export const ROW_BYTES: usize = offsetof<Row>();
/** Offset of the two weights, which are adjacent. */
export const WEIGHTS: usize = offsetof<Row>("negative");

/** A cell of a list: its id (see cells.ts), weights of negatives and positives. */
@unmanaged
export class Cell {
  id: f64;
  negative: f64;
  positive: f64;
}
export const CELL_BYTES: usize = offsetof<Cell>();
/** Offset of the two weights, which are adjacent. */
export const CELL_WEIGHTS: usize = offsetof<Cell>("negative");

/** Output of `evaluate`; NaN where undefined. */
@unmanaged
export class Result {
  rows: f64;
  skipped: f64;
  weight: f64;
  positive: f64;
  logloss: f64;
  auc: f64;
  normalizedEntropy: f64;
  calibration: f64;
  /** Bound of the difference between auc and the AUC of the rows themselves. */
  aucError: f64;
}
