import type { Room } from "../../core/batch.js";
import type { PlainError } from "../../core/errors.js";
import type { KnownSchemas } from "../../schema-registry/topic-schemas.js";
import type { FileEnd, Pass } from "../files/pass.js";
import type { Plan } from "../files/plan.js";
import type { StreamPosition } from "../job.js";
import type { ClickMark } from "../join/click-stream.js";
import type { JoinState } from "../join/join-counts.js";
import type { Progress, Report } from "../metrics/report.js";
import type { MergeDecision } from "../ordering/merge.js";
import type { DecodedBatch } from "../stream.js";

/** Where and how the stream is to be read. */
export interface StreamStart {
  /** Where it begins; null: at its beginning. */
  readonly position: StreamPosition | null;
  /** Decisions made after that position, which a topic's merge follows. */
  readonly replay: readonly (MergeDecision | ClickMark)[];
  /** Examples this run may still consume; Infinity = all. */
  readonly limit: number;
  /** Fingerprints of the files a resumed run has read, to be verified before it continues. */
  readonly fingerprints: readonly string[];
  /** Rows per batch. */
  readonly capacity: number;
  /** The list of files of the resumed run; null: none. */
  readonly pass: Pass | null;
  /** Files of earlier lists (see `LearnedFile`), and examples learned. */
  readonly learned: readonly string[];
  readonly examples: number;
  /** Malformed events until then. */
  readonly rejected: number;
  /** Passes over the data that have been validated. */
  readonly validated: number;
  /** The join to resume; null: a new one, or labels do not come from clicks. */
  readonly join: JoinState | null;
  /** u64 of the last ids, if the reader leaves out repeated events; absent: it does not, or there were none. */
  readonly ids?: Uint8Array;
  /** Schemas that events before it have named. */
  readonly schemas?: KnownSchemas;
}

/** Consumer → decoder. A free buffer is also the permission to decode one more batch. */
export type ToDecoder =
  /** The topic's consumer group may be joined: the run's directory is locked by this process. Nothing is read yet. */
  | { readonly type: "join" }
  | { readonly type: "start"; readonly start: StreamStart }
  | { readonly type: "free"; readonly slot: number }
  /** With several consumers: the run's start is durable for this one's models. */
  | { readonly type: "ready" }
  /** Nothing more is wanted: release the source. */
  | { readonly type: "stop" }
  /** A checkpoint up to this place is durable. */
  | { readonly type: "committed"; readonly position: StreamPosition };

/** The state of a topic's reading. */
export interface SourceHealth {
  /** False while nothing can be read. */
  readonly ready: boolean;
  /** Why nothing can be read; null while it can. */
  readonly reason: string | null;
  /** Messages not yet read, by partition. */
  readonly lag: readonly number[];
  /** Partitions added since the run began, which are not read before `--resume`; absent: none. */
  readonly added?: number;
}

/** A batch in one of the shared buffers. */
export interface BatchMessage {
  readonly type: "batch";
  /** To be learned, or a validation event to be scored only. */
  readonly kind: "learn" | "validate";
  readonly slot: number;
  readonly decoded: Omit<DecodedBatch, "buffer">;
  readonly fingerprints: readonly string[];
  readonly totalBytes: number | null;
  readonly ends: readonly FileEnd[];
}

/**
 * Decoder → consumer. The buffers are shared once and used in turn: transferring one with every batch would make the
 * garbage collector believe that memory is short.
 */
export type FromDecoder =
  | { readonly type: "buffers"; readonly buffers: readonly Room[] }
  /** A topic was opened, and is read from here on. */
  | { readonly type: "opened"; readonly position: StreamPosition; readonly fingerprints: readonly string[] }
  /** Files were opened; this is the plan for the consumers' `model`-th model. */
  | { readonly type: "began"; readonly model: number; readonly plan: Omit<Plan, "inputs"> }
  | BatchMessage
  /** All validation events of `data` have been delivered, after `epoch` passes (null: at the limit). */
  | { readonly type: "validated"; readonly epoch: number | null; readonly data: string }
  | { readonly type: "state"; readonly state: SourceHealth }
  | { readonly type: "end"; readonly endedBy: "end" | "limit" }
  | { readonly type: "error"; readonly error: PlainError };

/** Main thread → consumer. */
export type ToConsumer = { readonly type: "stop" };

/** Consumer → main thread. */
export type FromConsumer =
  | { readonly type: "progress"; readonly progress: Progress }
  | { readonly type: "done"; readonly report: Report }
  | { readonly type: "error"; readonly error: PlainError };
