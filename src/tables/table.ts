import type { Batch } from "../core/batch.js";
import type { CompiledTable } from "../spec/compiled.js";
import type { TableContribution } from "./contribution.js";
import type { GatherMode, StreamTime } from "./encoding.js";
import type { Learner } from "./learner.js";
import type { RowState } from "./row-store.js";
import type { ShardKeys } from "./shard-share.js";

export type { RowChunk, RowState, RowStore, ServingPrecision, StoreOptions } from "./row-store.js";
export { servingPrecisions } from "./row-store.js";
export { StoreTable } from "./store-table.js";

/**
 * An embedding table: maps a batch's keys to vectors, and learns from the gradients that come back. A learning batch
 * goes through these steps: `gather`, write `gradient` (it reaches rows summed, times bag coefficients), `backward`,
 * then `apply` (or nothing: the batch is skipped).
 */
export interface Table extends Learner {
  readonly name: string;
  readonly spec: CompiledTable;
  /** Columns of X: vectors × dim; a cell has one vector, or one per item if these are laid side by side. */
  readonly width: number;
  /**
   * X, f32[capacity × width], row-major; vector v of row r at r·width + v·dim. `gather` writes the batch's rows, the
   * others keep their content. A view of the table's memory that becomes invalid when it grows: request it again after
   * every gather.
   */
  readonly output: Float32Array;
  /** dX, of the same shape: the gradient of the loss, which the caller writes before `backward`. */
  readonly gradient: Float32Array;
  /**
   * Fills X. "learn" creates rows for new keys; "score" changes nothing, unseen keys give their initial weights; "lane"
   * is the same, and `contribute` can follow.
   * @param numbers f32[batch rows × numbers]: multipliers of number cells (batch.numbers by default); NaN counts as 0
   * @throws HashbrookError table_full, before anything has changed
   */
  gather(batch: Batch, mode: GatherMode, numbers?: Float32Array, clock?: StreamTime): void | Promise<void>;
  /**
   * Keys of a lane's batch whose rows other processes hold, by shard; fetch them before its "lane" gather. Only if
   * tables are split.
   */
  remoteKeys?(batch: Batch): readonly ShardKeys[];
  /** The sum of dX's squares over the rows of the last "learn" or "lane" gather. Before `backward`. */
  gradientSquares(): number;
  /**
   * For a lane's batch, after a "lane" gather and instead of `backward` and `apply`: its contribution, computed from
   * `gradient`. Changes no weight.
   */
  contribute(): TableContribution | Promise<TableContribution>;
  /**
   * Gathers the contributions' keys and sums their gradients, in their order, times `factor`; `apply` then takes one
   * step.
   * @throws HashbrookError table_full
   */
  fold(parts: readonly TableContribution[], factor: number, clock?: StreamTime): void | Promise<void>;
  /**
   * For owners of shards: f32[keys × dim], the vectors of keys of a shard that is held here. Present if tables are
   * split.
   */
  shardVectors?(shard: number, keys: BigUint64Array): Float32Array;
  /** Learned rows, capacity in rows, and bytes of everything needed for learning. */
  stats(): { rows: number; capacity: number; bytes: number };
  /** The row of a key, or null if it was never learned. Present if a key has one row, in one store. */
  lookup?(key: bigint): RowState | null;
}
