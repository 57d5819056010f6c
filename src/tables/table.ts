import type { Batch } from "../core/batch.js";
import type { DenseOptimizer } from "../optimizers/dense.js";
import type { CompiledTable } from "../spec/compiled.js";
import type { Clock, HotnessCounters } from "./encoding.js";
import type { RowStore, SavedBlocks, TableBlock } from "./row-store.js";

export type { RowChunk, RowState, RowStore, ServingPrecision, StoreOptions, TableBlock } from "./row-store.js";
export { servingPrecisions } from "./row-store.js";
export { StoreTable } from "./store-table.js";

/**
 * An embedding table: turns a batch's keys into vectors, and learns from the gradients that come back. A learning batch is
 * worked on in this order: `gather`, `backward`, then `apply` (or nothing: the batch is skipped).
 */
export interface Table {
  readonly name: string;
  readonly spec: CompiledTable;
  /** The rows inside, in a fixed order: increments and the delta log go over them one by one. */
  readonly stores: readonly RowStore[];
  /** Dense weights inside (decoders, projections). */
  readonly dense: readonly DenseOptimizer[];
  /** Columns of X: vectors × dim; a cell has one, or as many as its items where these lie side by side. */
  readonly width: number;
  /**
   * X, f32[capacity × width], row-major; vector v of row r at r·width + v·dim. `gather` writes the batch's rows, the others keep
   * what they held. A view over the table's memory, another one after growth: ask again after every gather.
   */
  readonly output: Float32Array;
  /** dX, of the same shape: the gradient of the loss the caller writes before `backward`. */
  readonly gradient: Float32Array;
  /**
   * Fills X. "learn" makes rows for new keys; "score" changes nothing, unseen keys give their initial weights.
   * @param numbers f32[batch rows × numbers]: what number cells multiply by (batch.numbers by default); NaN counts as 0
   * @throws HashbrookError table_full, before anything has changed
   */
  gather(batch: Batch, mode: "learn" | "score", numbers?: Float32Array, clock?: Clock): void | Promise<void>;
  /** The sum of dX's squares over the rows of the last "learn" gather. Before `backward`. */
  gradientSquares(): number;
  /** Carries dX back to the weights inside; changes no weight. */
  backward(): void | Promise<void>;
  /** False when a gradient holds NaN, infinity or anything over 1e15 (whose square would not stay finite). After `backward`. */
  gradientsFinite(): boolean;
  /**
   * One optimizer step: dX of the last "learn" gather, summed for each distinct row (times bag coefficients), applied once a
   * row in the order of first appearance.
   */
  apply(): void;
  /** Learned rows, rows there is room for, and the bytes of all it needs to learn. */
  stats(): { rows: number; capacity: number; bytes: number };
  /** f32[dim]: what a key is embedded as, learned or not. */
  vectorOf(key: bigint): Float32Array | Promise<Float32Array>;
  /** Promotions, demotions and the share of hot keys of a hot_cold table that learns. */
  readonly hotness?: HotnessCounters | null;
  /** Everything that learning changes, in a fixed order. Data are views. */
  blocks(): TableBlock[];
  /** @throws HashbrookError checkpoint_damaged */
  restore(blocks: SavedBlocks): void;
  close(): Promise<void>;
}
