// The records of the metric kernel, whose layouts the module carries.

/** Totals of a run of examples. What the loss lacks yet is the logarithm of the factor: see totals.ts. */
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

/** A row as it was counted: the place of its score among all f32 numbers, weights of the negative and of the positive. */
@unmanaged
export class Row {
  place: u32;
  negative: f32;
  positive: f32;
}
export const ROW_BYTES: usize = offsetof<Row>();
/** Of its two weights, side by side. */
export const WEIGHTS: usize = offsetof<Row>("negative");

/** A cell of a list: its id (see cells.ts), weights of negatives and positives. */
@unmanaged
export class Cell {
  id: f64;
  negative: f64;
  positive: f64;
}
export const CELL_BYTES: usize = offsetof<Cell>();
/** Of its two weights, side by side. */
export const CELL_WEIGHTS: usize = offsetof<Cell>("negative");

/** What `evaluate` writes; NaN where undefined. */
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
  /** How far auc may be from that of the rows themselves. */
  aucError: f64;
}
