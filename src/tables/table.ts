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
 * An embedding table: turns a batch's keys into vectors, and learns from the gradients that come back. A learning batch is
 * worked on in this order: `gather`, write `gradient` (times bag coefficients, it reaches rows summed), `backward`, then `apply` (or
 * nothing: the batch is skipped).
 */
export interface Table extends Learner {
  readonly name: string;
  readonly spec: CompiledTable;
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
   * Fills X. "learn" makes rows for new keys; "score" changes nothing, unseen keys give their initial weights; "lane" is the same,
   * and `contribute` can follow.
   * @param numbers f32[batch rows × numbers]: what number cells multiply by (batch.numbers by default); NaN counts as 0
   * @throws HashbrookError table_full, before anything has changed
   */
  gather(batch: Batch, mode: GatherMode, numbers?: Float32Array, clock?: StreamTime): void | Promise<void>;
  /** Keys of a lane's batch whose rows other processes hold, by shard: these are there before its "lane" gather. Only where tables are split. */
  remoteKeys?(batch: Batch): readonly ShardKeys[];
  /** The sum of dX's squares over the rows of the last "learn" or "lane" gather. Before `backward`. */
  gradientSquares(): number;
  /**
   * Of a lane's batch, after a "lane" gather and in place of `backward` and `apply`: what it brings, of `gradient` as the caller has
   * written it. Changes no weight.
   */
  contribute(): TableContribution | Promise<TableContribution>;
  /**
   * Gathers what contributions name and sums their gradients, in their order, times `factor`; `apply` then takes one step.
   * @throws HashbrookError table_full
   */
  fold(parts: readonly TableContribution[], factor: number, clock?: StreamTime): void | Promise<void>;
  /** As an owner of shards answers lanes: f32[keys × dim] of keys of a shard that is held here. There only where tables are split. */
  shardVectors?(shard: number, keys: BigUint64Array): Float32Array;
  /** Learned rows, rows there is room for, and the bytes of all it needs to learn. */
  stats(): { rows: number; capacity: number; bytes: number };
  /** The row of a key, or null where nothing was learned for it. There only where a key has one row, in one store. */
  lookup?(key: bigint): RowState | null;
}
