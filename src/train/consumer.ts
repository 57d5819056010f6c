import type { StreamPosition } from "./job.js";
import type { FileEnd } from "./pass.js";
import type { Plan } from "./plan.js";
import type { Progress, Report } from "./report.js";
import type { DecodedBatch } from "./stream.js";
import type { StreamStart } from "./workers/thread-messages.js";

export type EndedBy = Report["ended_by"];

/** Whether a run has learned all that it was given to learn. */
export function isOver(endedBy: EndedBy): boolean {
  return endedBy === "end" || endedBy === "early_stop";
}

/** What is known of the source when a batch has been decoded. */
export interface SourceState {
  readonly fingerprints: readonly string[];
  readonly totalBytes: number | null;
  /** The files of the list that were learned to their end. */
  readonly ends: readonly FileEnd[];
}

/**
 * The decoding thread, as a consumer sees it that opens: it is told as soon as something is known, so that it gets ready while the
 * model loads. What it has been told stays true, or the consumer does not open.
 */
export interface Upstream {
  join(): void;
  start(start: StreamStart): void;
  /** Told in every batch where it is a good moment to decode the next one. Who never tells it is taken to have none better than a batch's end. */
  spare(): void;
}

/** The start of a stream that is read from its beginning. */
export function fromTheStart(limit: number | null, capacity: number): StreamStart {
  const none = {
    position: null,
    replay: [],
    fingerprints: [],
    pass: null,
    learned: [],
    examples: 0,
    rejected: 0,
    validated: 0,
    join: null,
  };
  return { ...none, limit: limit ?? Number.POSITIVE_INFINITY, capacity };
}

/** What stands at the end of the pipeline: the trainer, the evaluator or the predictor. */
export interface Consumer {
  /** The place of the last checkpoint of this run, null before there is one. */
  readonly committed: StreamPosition | null;
  /** Why nothing more is wanted; null: go on. */
  readonly ended: EndedBy | null;
  /** A topic is open, and is read from `position` on. Comes before the first batch. */
  opened?(position: StreamPosition, fingerprints: readonly string[]): Promise<void>;
  /** Files are open. Comes before the first batch. */
  began?(plan: Omit<Plan, "inputs">): void;
  consume(decoded: DecodedBatch, source: SourceState): Promise<void>;
  /** Scores a batch of validation events. */
  validate?(decoded: DecodedBatch): Promise<void>;
  /** All validation events were scored: those of `data`, after `epoch` passes (null: at the limit). */
  validationEnded?(epoch: number | null, data: string): void;
  /** Called now and then while nothing comes: what depends on the clock. */
  idle?(): Promise<void>;
  progress(): Omit<Progress, "source">;
  /** Commits what is not committed yet and reports. */
  finish(endedBy: EndedBy): Promise<Report>;
  /** Lets go of files and locks, also after an error. */
  close(): Promise<void>;
}
