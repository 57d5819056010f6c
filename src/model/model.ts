import type { Calibrator } from "../calibration/calibrator.js";
import type { Batch, BatchLayout } from "../core/batch.js";
import type { Block, SavedBlocks } from "../core/blocks.js";
import { HashbrookError } from "../core/errors.js";
import type { CompiledSpec } from "../spec/compiled.js";
import type { RowKeeper } from "../tables/kept-rows.js";
import type { ShardShare } from "../tables/shard-share.js";
import type { Sharing } from "../tables/sharing.js";
import type { ServingPrecision, Table } from "../tables/table.js";
import type { Lanes } from "./lanes.js";
import type { Prefixes } from "./nested-vectors.js";
import type { Numbers } from "./numbers.js";
import type { ReplicaState } from "./replica-state.js";

/** The result of `learn`. */
export interface Learned {
  /**
   * f32[rows]: every row's logit from BEFORE anything in this batch was learned (lr, fm: before that row was), corrected for
   * negative sampling. A view, valid until the next call.
   */
  readonly logits: Float32Array;
  /** Rows that changed nothing because their loss or gradient was not finite. */
  readonly skipped: number;
  /** With lanes: what this call learned, this round or the previous one; null: nothing yet. */
  readonly folded?: Folded | null;
}

/** The result of folding a round. */
export interface Folded {
  readonly rows: number;
  /** Sums over its events: of weights, of weight times label, of logits as they were scored. */
  readonly weight: number;
  readonly positive: number;
  readonly logits: number;
  /** Events that changed nothing because their gradient was not finite. */
  readonly skipped: number;
}

/** Magnitudes of a tower's state, for diagnosing divergence. Not finite if the values are not. */
export interface Norms {
  /** Norm of the last batch's gradient of the dense weights. */
  readonly gradient: number;
  /** Norm of the dense weights. */
  readonly weights: number;
}

/** Numbers of values whose effect on the model's state was limited, because they were too far from earlier ones. */
export interface Clipped {
  /** Values of `standardize` fields. */
  readonly numbers: number;
  /** Event times, if rows expire by event time. */
  readonly times: number;
  /** Batches of a tower whose gradients were far larger than usual, and were scaled down; 0 for lr and fm. */
  readonly batches: number;
}

/** Tables + tower + optimizers: predicts and learns batches. No I/O, no clock. */
export interface Model {
  readonly spec: CompiledSpec;
  readonly tables: readonly Table[];
  /** The state it predicts with, to read (train) or to write (serve). */
  readonly serving: ReplicaState;
  /** Preprocessing of the numeric columns, with the statistics of `standardize`. */
  readonly numbers: Numbers;
  /** Part of the model's state; the caller applies it to logits, and lets it learn from them. null: the spec has none. */
  readonly calibrator: Calibrator | null;
  readonly clipped: Clipped;
  /**
   * Scores, then learns.
   * @param taken u8[rows], 0 for rows that are only scored: they change statistics and the stream's clock, but no weight.
   * Default: all are learned
   * @param parts with lanes: rows of each lane's part of the batch. Default: `train.round` each
   */
  learn(batch: Batch, taken?: Uint8Array, parts?: readonly number[]): Promise<Learned>;
  /** Learning in rounds; null or absent: it learns batch by batch. */
  readonly lanes?: Lanes | null;
  /** Adds to the output's bias, and so to every logit. Only before anything is learned. */
  shiftBias(shift: number): void;
  /**
   * f32[rows] logits, corrected for negative sampling and not calibrated; changes nothing; a row's bits do not depend on the
   * rest of its batch. A view, valid until the next call.
   * @param gathered called when the tables are no longer needed
   */
  predict(batch: Batch, gathered?: () => void): Promise<Float32Array>;
  /**
   * What `predict` would return if vectors were cut to prefixes: one array of logits per cut. Changes nothing. Only for towers.
   * @param cuts by field, the number of components used; other fields use all
   */
  predictCuts?(batch: Batch, cuts: readonly Prefixes[]): Promise<Float32Array[]>;
  /** Everything that learning changes, in a fixed order. */
  blocks(): Block[];
  /** @throws HashbrookError checkpoint_damaged when a block is missing or has the wrong shape */
  restore(blocks: SavedBlocks): void;
  /** Restores everything except rows and training state: what a replica takes from a checkpoint once. @throws as `restore` */
  restoreBeside(blocks: SavedBlocks): void;
  /** null if there are no dense weights. */
  norms(): Norms | null;
  close(): Promise<void>;
}

/** The parts of a model that do not learn. */
export interface Frozen {
  /** Names of tables. */
  readonly tables: ReadonlySet<string>;
  /** The tower's dense weights. */
  readonly tower: boolean;
}

export interface ModelOptions {
  /** The layout of every batch the model will see. */
  readonly layout: BatchLayout;
  /** Threads of the dense runtime. The result does not depend on it. */
  readonly threads: number;
  /**
   * "score" builds no training graph and no gradients. "serve" is a replica: its tables hold weights only, `serving.apply`
   * fills it, and it supports neither `learn` nor `restore`. "hold": the same, but its rows are for other threads, and it loads
   * no graph.
   */
  readonly purpose: "train" | "score" | "serve" | "hold";
  /** "train": the parts that do not learn. Default: none. */
  readonly frozen?: Frozen | undefined;
  /**
   * "train": called in every batch when the tower has run. What follows uses one thread, so that other threads find a
   * processor.
   */
  readonly onTowerRun?: () => void;
  /** "train" with lanes: the shards of split tables that are held here. Default: all. */
  readonly share?: ShardShare | undefined;
  /** "train": it only folds contributions from elsewhere, scores nothing and loads no graph. Default false. */
  readonly folds?: boolean | undefined;
  /** "serve", "hold": its rows are shared by several threads. */
  readonly sharing?: Sharing | undefined;
  /** "serve": storage for its rows, of which those in use are in memory. Default: all rows are in memory. */
  readonly keeper?: RowKeeper | undefined;
  /** "serve": precision of its rows' weights. Default f32. */
  readonly servingPrecision?: ServingPrecision | undefined;
}

/** True if tables hold weights only. */
export const isReplica = ({ purpose }: Partial<ModelOptions>): boolean => purpose === "serve" || purpose === "hold";

/** The error for operations that a replica's model does not support. */
export function servesOnly(): HashbrookError {
  return new HashbrookError("internal", "learn, blocks and restore are not available on a model opened for serving");
}
