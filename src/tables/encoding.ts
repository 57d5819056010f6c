import type { TableContribution } from "./contribution.js";
import type { RowKeeper } from "./kept-rows.js";
import type { Learner } from "./learner.js";
import type { RowChunk, ServingPrecision } from "./row-store.js";
import type { ShardKeys, ShardShare, TableSizes } from "./shard-share.js";
import type { Sharing } from "./sharing.js";
import type { EncodingBase } from "./spec.js";

/** Where a stream is: what admission, eviction and hotness go by. The same for every encoding of a model. */
export interface StreamTime {
  /** Event time in ms since the epoch of the newest event so far, 0 where the spec has no time. */
  readonly time: number;
  /** Examples learned before this batch. */
  readonly examples: number;
}

/** "learn" makes what is new, "score" changes nothing; "lane" neither, and leaves what gradients are made of. */
export type GatherMode = "learn" | "score" | "lane";

/** Where nothing goes by the clock. */
export const NO_TIME: StreamTime = { time: 0, examples: 0 };

/**
 * Turns distinct keys into vectors and learns from their gradients: what every encoding is. A batch is worked on in this
 * order, always for the same keys: write `keys`, `gather`, read `vectors`; to learn, write `gradients`, `backward`, look at
 * `gradientsFinite`, then `apply` (or nothing: the batch is skipped).
 *
 * All views are void after anything that may make a memory grow: ask again.
 */
export interface Encoding extends Learner {
  /** Floats of a vector. */
  readonly dim: number;
  /** u64[capacity]: the batch's distinct keys, in the order of their first occurrence. Used up by `gather`. */
  readonly keys: BigUint64Array;
  /** f32[capacity × dim]. */
  readonly vectors: Float32Array;
  /** f32[capacity × dim]: gradients of the summed loss. */
  readonly gradients: Float32Array;
  /**
   * Fills `vectors` for the first `count` keys. "learn" makes what is new; "score" changes nothing.
   * @throws HashbrookError table_full, before anything has changed
   */
  gather(count: number, mode: "learn" | "score", clock: StreamTime): void | Promise<void>;
  /** There only where a network decodes, whose gradient is then a lane's work, or rows are held elsewhere. Default: what a lane brings are the vectors' gradients. */
  readonly laned?: LanedEncoding | undefined;
  /** Bytes of everything it needs to learn: rows, slots, index, sketches, filters, decoders. */
  readonly bytes: number;
  /** There only where ids own rows. */
  readonly owned?: OwnedRows | undefined;
  /** What keys of a shard that is held here predict with; there only where a table is split. */
  vectorsOf?(shard: number, keys: BigUint64Array): Float32Array;
}

/** An encoding as lanes learn it: in place of `gather("learn")` and `backward`. */
export interface LanedEncoding {
  /** Of the first `count` keys: those whose rows are held elsewhere, by shard. They are there before `gather`. Absent: all are here. */
  remoteKeys?(count: number): readonly ShardKeys[];
  /** Fills `vectors` for the first `count` keys, and changes nothing. */
  gather(count: number): Promise<void>;
  /** After `gradients` were written: what they bring. @param keys those of `gather` */
  contribute(keys: BigUint64Array): Promise<TableContribution>;
  /** Sums contributions; `gradientsFinite` and `apply` follow. Absent: they are vectors' gradients, summed as where no network decodes. */
  fold?(parts: readonly TableContribution[], factor: number, clock: StreamTime): void;
  /** Of rows that other processes hold; null or absent: all are here. */
  readonly sizes?: TableSizes | null;
}

/** Rows that are one id's alone, and so can start at any vector. */
export interface OwnedRows {
  /**
   * Gives new ids rows that start at the given vectors.
   * @throws HashbrookError table_full
   */
  plant(chunk: RowChunk): void;
  /** What encodes the other ids, where only `room` of them own a row; null where all do. */
  readonly others: { readonly room: number; readonly encoding: Encoding; readonly spec: EncodingBase } | null;
}

/** What became of hot ids since the table was new. */
export interface HotnessCounters {
  /** Ids that became hot: they got a row of their own. */
  readonly promoted: number;
  /** Ids that lost theirs to hotter ones. */
  readonly demoted: number;
  /** Distinct keys of all batches learned, summed over the batches. */
  readonly keys: number;
  /** Of `keys`, those that had a row of their own. */
  readonly hot_keys: number;
}

export interface EncodingOptions {
  /** Distinct keys of a batch, at most. */
  readonly capacity: number;
  /** False: only scores, so it needs no gradients. */
  readonly learns: boolean;
  /** A replica's: stores hold weights alone, what arrives over the delta log is put into `stores` and `dense`. */
  readonly serving: boolean;
  /** How a replica's stores hold their weights. Default f32. */
  readonly servingPrecision?: ServingPrecision | undefined;
  /** Rows of stores are several threads'. Default: its own. */
  readonly sharing?: Sharing | undefined;
  /** Which of a table's shards are held here. Default: all. */
  readonly share?: ShardShare | undefined;
  /** Keeps a replica's rows, of which those that are used are in memory. Default: all are. */
  readonly keeper?: RowKeeper | undefined;
  /** What runs decoders. */
  readonly runtime: "onnxruntime" | "tensorflow";
  /** Bytes each memory may grow to; 4 GiB by default. */
  readonly memoryLimit?: number;
}
