import type { Block, SavedBlocks } from "../core/blocks.js";
import type { DenseOptimizer } from "../optimizers/dense.js";
import type { HotnessCounters } from "./encoding.js";
import type { RowStore } from "./row-store.js";

/** What learns: rows and dense weights, and gradients that are taken back to them and then applied. Tables and encodings are that. */
export interface Learner {
  /** The rows inside, in a fixed order: increments and the delta log go over them one by one. */
  readonly stores: readonly RowStore[];
  /** Dense weights inside (decoders, projections), in a fixed order; their names are unique within the model. */
  readonly dense: readonly DenseOptimizer[];
  /** What became of hot ids; there only where some ids own a row and others do not, and learn. */
  readonly hotness?: HotnessCounters | null;
  /** Carries the gradients back to the weights inside; changes no weight. */
  backward(): void | Promise<void>;
  /** False when a gradient holds NaN, infinity or anything over 1e15 (whose square would not stay finite). After `backward`. */
  gradientsFinite(): boolean;
  /** One optimizer step with the gradients of `backward`: one update a distinct row, in the order of first appearance. */
  apply(): void;
  /** f32[dim]: what a key is embedded as now, learned or not. For inspection. */
  vectorOf(key: bigint): Float32Array | Promise<Float32Array>;
  /** Everything that learning changes, that of `stores` and `dense` included, in a fixed order. Data are views. */
  blocks(): Block[];
  /** @throws HashbrookError checkpoint_damaged */
  restore(blocks: SavedBlocks): void;
  close(): Promise<void>;
}
