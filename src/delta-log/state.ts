/** Rows of one store of a table, for a replica. */
export interface ServingRows {
  readonly name: string;
  /** Weights per row. */
  readonly dim: number;
  /** Keys (exact tables) or row numbers (hash tables) of rows that changed. */
  readonly keys: BigUint64Array;
  /** f32[keys × dim], row-major. */
  readonly weights: Float32Array;
  /** Keys of removed rows: they predict their initial weights again. */
  readonly removed: BigUint64Array;
}

/** A contiguous range of a dense weight's floats. */
export interface DenseSlice {
  readonly name: string;
  /** Index of the first one in the weight. */
  readonly at: number;
  readonly data: Float32Array;
}

/** A calibrator's curves, and its slices' totals: number 0 is that of all events, which has no key. */
export interface CalibrationState {
  /** Keys of the slices of values. */
  readonly keys: BigUint64Array;
  /** Their values, if known, else "". */
  readonly names: readonly string[];
  /** Number of floats of each slice's curve. */
  readonly lengths: Uint32Array;
  /** The curves, concatenated. */
  readonly values: Float32Array;
  /** f64[slices × 5]: events, weight, positive, predicted, calibrated. */
  readonly totals: Float64Array;
}

/**
 * A part of what a model predicts with, as plain data. Parts can be written into a serving model in any order; all
 * parts of one packing together make it predict with the trainer's bits.
 */
export interface ServingState {
  readonly tables: readonly ServingRows[];
  readonly dense: readonly DenseSlice[];
  /** f64[columns × 3] of the numeric columns (count, mean, squared deviations); null if another part has them. */
  readonly statistics: Float64Array | null;
  /** The whole calibrator; absent if another part has it, or the model has none. */
  readonly calibration?: CalibrationState;
}

/**
 * Changes ready to be sent: parts of bounded size, generated one by one. The model must not learn until the last one is
 * generated.
 */
export interface Packed {
  /** Number of parts that `states` yields: at least 1. */
  readonly parts: number;
  states(): Iterable<ServingState>;
}

/** The trainer's side: what a publisher needs from a model. */
export interface Publishable {
  /**
   * The weights of these rows of each store (or of all learned rows), and everything dense.
   * @param changed per store, ascending
   * @param partBytes approximate size of a part; 512 KiB by default
   */
  pack(changed: readonly Uint32Array[] | "all", partBytes?: number): Packed;
}
