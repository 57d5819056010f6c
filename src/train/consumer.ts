import type { Progress, Report, StreamPosition } from "./job.js";
import type { Decision } from "./ordering/merge.js";
import type { FileEnd, Pass } from "./pass.js";
import type { Plan } from "./plan.js";
import type { DecodedBatch } from "./stream.js";

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

/** What stands at the end of the pipeline: the trainer, the evaluator or the predictor. */
export interface Consumer {
  /** Where the stream must begin; null = at its beginning. */
  readonly start: StreamPosition | null;
  /** What a topic's merge must decide alike after `start`. */
  readonly replay: readonly Decision[];
  /** The place of the last checkpoint of this run, null before there is one. */
  readonly committed: StreamPosition | null;
  /** Fingerprints of the files a resumed run has read, to be verified before it goes on. */
  readonly fingerprints: readonly string[];
  /** Examples this run may still consume; Infinity = all. */
  readonly limit: number;
  /** The list of files of the run that is resumed; null: none. */
  readonly pass: Pass | null;
  /** Files of earlier lists (see `LearnedFile`), and examples learned. */
  readonly learned: readonly string[];
  readonly examples: number;
  /** Passes over the data that have been validated. */
  readonly validated: number;
  /** Why nothing more is wanted; null: go on. */
  readonly ended: EndedBy | null;
  /** Rows per batch. */
  readonly capacity: number;
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
