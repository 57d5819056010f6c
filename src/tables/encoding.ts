import type { TableContribution } from "./contribution.js";
import type { RowKeeper } from "./kept-rows.js";
import type { Learner } from "./learner.js";
import type { RowChunk, ServingPrecision } from "./row-store.js";
import type { ShardKeys, ShardShare, TableSizes } from "./shard-share.js";
import type { Sharing } from "./sharing.js";
import type { EncodingBase } from "./spec.js";

/**
 * The position in the stream that admission, eviction and hotness depend on. The same for every encoding of a model.
 */
export interface StreamTime {
  /** Event time in ms since the epoch of the newest event so far; 0 if the spec has no time. */
  readonly time: number;
  /** Examples learned before this batch. */
  readonly examples: number;
}

/**
 * "learn" creates rows for new keys; "score" changes nothing; "lane" changes nothing either, but keeps what gradients
 * need.
 */
export type GatherMode = "learn" | "score" | "lane";

/** For when nothing depends on the clock. */
export const NO_TIME: StreamTime = { time: 0, examples: 0 };

/**
 * Maps distinct keys to vectors and learns from their gradients: the interface of every encoding. A batch goes through
 * these steps, always with the same keys: write `keys`, `gather`, read `vectors`; to learn, write `gradients`,
 * `backward`, check `gradientsFinite`, then `apply` (or nothing: the batch is skipped).
 *
 * All views become invalid after anything that may grow a memory: request them again.
 */
export interface Encoding extends Learner {
  /** Floats per vector. */
  readonly dim: number;
  /** u64[capacity]: the batch's distinct keys, in the order of their first occurrence. `gather` may overwrite them. */
  readonly keys: BigUint64Array;
  /** f32[capacity × dim]. */
  readonly vectors: Float32Array;
  /** f32[capacity × dim]: gradients of the summed loss. */
  readonly gradients: Float32Array;
  /**
   * Fills `vectors` for the first `count` keys. "learn" creates rows for new keys; "score" changes nothing.
   * @throws HashbrookError table_full, before anything has changed
   */
  gather(count: number, mode: "learn" | "score", clock: StreamTime): void | Promise<void>;
  /**
   * Present if a network decodes, whose gradient is then a lane's work, or if rows are held elsewhere. Default: a lane
   * contributes the vectors' gradients.
   */
  readonly laned?: LanedEncoding | undefined;
  /** Bytes of everything needed for learning: rows, slots, index, sketches, filters, decoders. */
  readonly bytes: number;
  /** Present if ids own rows. */
  readonly owned?: OwnedRows | undefined;
  /** The vectors of keys of a shard that is held here; present if the table is split. */
  vectorsOf?(shard: number, keys: BigUint64Array): Float32Array;
}

/** An encoding as lanes learn it, instead of `gather("learn")` and `backward`. */
export interface LanedEncoding {
  /**
   * For the first `count` keys: those whose rows are held elsewhere, by shard; fetch them before `gather`. Absent: all
   * are here.
   */
  remoteKeys?(count: number): readonly ShardKeys[];
  /** Fills `vectors` for the first `count` keys, and changes nothing. */
  gather(count: number): Promise<void>;
  /** After `gradients` were written: returns the contribution. @param keys those of `gather` */
  contribute(keys: BigUint64Array): Promise<TableContribution>;
  /**
   * Sums contributions; `gradientsFinite` and `apply` follow. Absent: contributions are vectors' gradients, summed as
   * if no network decodes.
   */
  fold?(parts: readonly TableContribution[], factor: number, clock: StreamTime): void;
  /** Sizes of rows that other processes hold; null or absent: all are here. */
  readonly sizes?: TableSizes | null;
}

/** Rows that belong to one id each, and so can start at any vector. */
export interface OwnedRows {
  /**
   * Gives new ids rows that start at the given vectors.
   * @throws HashbrookError table_full
   */
  plant(chunk: RowChunk): void;
  /** The encoding of the other ids, if only `room` of them own a row; null if all do. */
  readonly others: { readonly room: number; readonly encoding: Encoding; readonly spec: EncodingBase } | null;
}

/** Counters of hot ids since the table was created. */
export interface HotnessCounters {
  /** Ids that became hot and got a row of their own. */
  readonly promoted: number;
  /** Ids that lost theirs to hotter ones. */
  readonly demoted: number;
  /** Distinct keys of all learned batches, summed over the batches. */
  readonly keys: number;
  /** Of `keys`, those that had a row of their own. */
  readonly hot_keys: number;
}

export interface EncodingOptions {
  /** Largest number of distinct keys in a batch. */
  readonly capacity: number;
  /** False: it only scores, so it needs no gradients. */
  readonly learns: boolean;
  /** For a replica: stores hold only weights; what arrives over the delta log is written into `stores` and `dense`. */
  readonly serving: boolean;
  /** Precision of a replica's weights. Default f32. */
  readonly servingPrecision?: ServingPrecision | undefined;
  /** Stores' rows are shared by several threads. Default: not shared. */
  readonly sharing?: Sharing | undefined;
  /** Which of a table's shards are held here. Default: all. */
  readonly share?: ShardShare | undefined;
  /** Storage for a replica's rows, of which those in use are in memory. Default: all rows are in memory. */
  readonly keeper?: RowKeeper | undefined;
  /** The runtime of decoders. */
  readonly runtime: "onnxruntime" | "tensorflow";
  /** Limit for each memory in bytes; 4 GiB by default. */
  readonly memoryLimit?: number;
}
