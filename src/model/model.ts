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

/** What one call of `learn` did. */
export interface Learned {
  /** f32[rows]: every row's logit from BEFORE anything in this batch was learned (lr, fm: before that row was), corrected for negative sampling. A view, valid until the next call. */
  readonly logits: Float32Array;
  /** Rows that changed nothing because their loss or gradient was not finite. */
  readonly skipped: number;
  /** Of lanes: what this call learned, this round or the one before it; null: nothing yet. */
  readonly folded?: Folded | null;
}

/** What a round of lanes learned. */
export interface Folded {
  readonly rows: number;
  /** Sums over its events: of weights, of weight times label, of logits as they were scored. */
  readonly weight: number;
  readonly positive: number;
  readonly logits: number;
  /** Events that changed nothing because their gradient was not finite. */
  readonly skipped: number;
}

/** How large what a tower learns by is: for a person who looks for why a run diverged. Not finite where the values are not. */
export interface Norms {
  /** Of the last batch's gradient of the dense weights. */
  readonly gradient: number;
  readonly weights: number;
}

/** Values that moved the model's state less than they said, since they lay too far from those before. */
export interface Clipped {
  /** Of `standardize` fields. */
  readonly numbers: number;
  /** Event times, where ids come and go by event time. */
  readonly times: number;
  /** Batches of a tower whose gradients were far larger than usual, and made smaller; 0 of lr and fm. */
  readonly batches: number;
}

/** Tables + tower + optimizers: predicts and learns batches. No I/O, no clock. */
export interface Model {
  readonly spec: CompiledSpec;
  readonly tables: readonly Table[];
  /** What it predicts with, to take (train) or to put (serve). */
  readonly serving: ReplicaState;
  /** The numeric columns' stage: how `standardize` scales. */
  readonly numbers: Numbers;
  /** Part of the model's state; it is the caller's to apply it to logits, and to let it learn from them. null: the spec has none. */
  readonly calibrator: Calibrator | null;
  readonly clipped: Clipped;
  /**
   * Scores, then learns.
   * @param taken u8[rows], 0 for rows that are scored alone: they change statistics and the stream's clock, no weight. Default: all are learned
   * @param parts of lanes: rows of each one's part of the batch. Default: `train.round` each
   */
  learn(batch: Batch, taken?: Uint8Array, parts?: readonly number[]): Promise<Learned>;
  /** What learns by rounds; null or absent: it learns batch by batch. */
  readonly lanes?: Lanes | null;
  /** Adds to the output's bias, and so to every logit. Only before anything was learned. */
  shiftBias(shift: number): void;
  /**
   * f32[rows] logits, corrected for negative sampling and not calibrated; changes nothing; a row's bits do not depend on the rest of its batch. A view, valid until the next call.
   * @param gathered called when the tables are not looked at any more
   */
  predict(batch: Batch, gathered?: () => void): Promise<Float32Array>;
  /**
   * What `predict` would say if vectors were cut to prefixes: a list of logits for each cut. Changes nothing. Only towers have it.
   * @param cuts by field, the components that are used; fields that are not named have all
   */
  predictCuts?(batch: Batch, cuts: readonly Prefixes[]): Promise<Float32Array[]>;
  /** Everything that learning changes, in a fixed order. */
  blocks(): Block[];
  /** @throws HashbrookError checkpoint_damaged when a block is missing or has the wrong shape */
  restore(blocks: SavedBlocks): void;
  /** What is not rows of its tables, nor how it learns: what a replica is told once, of a checkpoint. @throws as `restore` */
  restoreBeside(blocks: SavedBlocks): void;
  /** null where there are no dense weights. */
  norms(): Norms | null;
  close(): Promise<void>;
}

/** What of a model does not learn. */
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
   * "score" builds no training graph and no gradients. "serve" is a replica's: its tables hold weights alone, `serving.apply`
   * fills it, and it takes neither `learn` nor `restore`. "hold": the same, but its rows are for other threads, and it loads no graph.
   */
  readonly purpose: "train" | "score" | "serve" | "hold";
  /** "train": what does not learn. Default: all of it learns. */
  readonly frozen?: Frozen | undefined;
  /** "train": told in every batch that the tower has run. What follows takes one thread, so that other threads find a processor. */
  readonly onTowerRun?: () => void;
  /** "train": which shards of split tables are held here, where lanes learn. Default: all. */
  readonly share?: ShardShare | undefined;
  /** "train": it folds what lanes elsewhere bring, scores nothing and loads no graph. Default false. */
  readonly folds?: boolean | undefined;
  /** "serve", "hold": its rows are several threads'. */
  readonly sharing?: Sharing | undefined;
  /** "serve": keeps its rows, of which those that are used are in memory. Default: all are. */
  readonly keeper?: RowKeeper | undefined;
  /** "serve": how its rows hold their weights. Default f32. */
  readonly servingPrecision?: ServingPrecision | undefined;
}

/** True where tables hold weights alone. */
export const isReplica = ({ purpose }: Partial<ModelOptions>): boolean => purpose === "serve" || purpose === "hold";

/** The error for what a replica's model cannot do. */
export function servesOnly(): HashbrookError {
  return new HashbrookError("internal", "a model that serves takes neither learn, blocks nor restore");
}
