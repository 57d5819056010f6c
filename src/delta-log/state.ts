/** Rows of one store of a table as a replica takes them. */
export interface ServingRows {
  readonly name: string;
  /** Weights of a row. */
  readonly dim: number;
  /** Keys (exact tables) or row numbers (hash tables) of rows that changed. */
  readonly keys: BigUint64Array;
  /** f32[keys × dim], row-major. */
  readonly weights: Float32Array;
  /** Keys of rows that are forgotten: they predict their initial weights again. */
  readonly removed: BigUint64Array;
}

/** A run of a dense weight's floats. */
export interface DenseSlice {
  readonly name: string;
  /** Floats of the weight before the first one here. */
  readonly at: number;
  readonly data: Float32Array;
}

/** A calibrator's curves, and how its slices do: number 0 is that of all events, which has no key. */
export interface CalibrationState {
  /** Of slices of values. */
  readonly keys: BigUint64Array;
  /** Their values, where they are known; "" where not. */
  readonly names: readonly string[];
  /** Floats of each slice's curve. */
  readonly lengths: Uint32Array;
  /** The curves, one after the other. */
  readonly values: Float32Array;
  /** f64[slices × 5]: events, weight, positive, predicted, calibrated. */
  readonly totals: Float64Array;
}

/**
 * A piece of what a model predicts with, as plain data. Pieces are put into a serving model in any order; all pieces of one
 * packing together make it predict the trainer's bits.
 */
export interface ServingState {
  readonly tables: readonly ServingRows[];
  readonly dense: readonly DenseSlice[];
  /** f64[columns × 3] of the numeric columns (count, mean, squared deviations); null where another piece has them. */
  readonly statistics: Float64Array | null;
  /** The whole calibrator; absent where another piece has it, or the model has none. */
  readonly calibration?: CalibrationState;
}

/** What changed, ready to be sent: pieces of bounded size, made one by one. The model must not learn until the last is made. */
export interface Packed {
  /** How many pieces `states` gives: at least 1. */
  readonly parts: number;
  states(): Iterable<ServingState>;
}

/** The trainer's side: what a publisher asks of a model. */
export interface Publishable {
  /**
   * The weights of these rows of each store (or of all learned rows), and everything dense.
   * @param changed per store, ascending
   * @param partBytes about how much a piece may hold; 512 KiB by default
   */
  pack(changed: readonly Uint32Array[] | "all", partBytes?: number): Packed;
}
