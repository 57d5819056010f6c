import type { Block, SavedBlocks } from "../core/blocks.js";
import type { DenseOptimizer } from "../optimizers/dense.js";
import type { HotnessCounters } from "./encoding.js";
import type { RowStore } from "./row-store.js";

/**
 * Something that learns: rows and dense weights, with gradients that are propagated back to them and then applied.
 * Implemented by tables and encodings.
 */
export interface Learner {
  /** The row stores inside, in a fixed order: increments and the delta log iterate over them. */
  readonly stores: readonly RowStore[];
  /** Dense weights inside (decoders, projections), in a fixed order; their names are unique within the model. */
  readonly dense: readonly DenseOptimizer[];
  /** Counters of hot ids; present if some ids own a row and others do not, and it learns. */
  readonly hotness?: HotnessCounters | null;
  /** Propagates the gradients back to the weights inside; changes no weight. */
  backward(): void | Promise<void>;
  /**
   * False when a gradient holds NaN, infinity or anything over 1e15 (whose square would not stay finite). After
   * `backward`.
   */
  gradientsFinite(): boolean;
  /**
   * One optimizer step with the gradients of `backward`: one update per distinct row, in the order of first appearance.
   */
  apply(): void;
  /** f32[dim]: a key's current vector, learned or not. For inspection. */
  vectorOf(key: bigint): Float32Array | Promise<Float32Array>;
  /** Everything that learning changes, including `stores` and `dense`, in a fixed order. Data are views. */
  blocks(): Block[];
  /** @throws HashbrookError checkpoint_damaged */
  restore(blocks: SavedBlocks): void;
  close(): Promise<void>;
}
