import type { Progress, Report, StreamPosition } from "./job.js";
import type { FromDecoder } from "./messages.js";

export type EndedBy = Report["ended_by"];

export type BatchMessage = Extract<FromDecoder, { type: "batch" }>;

/** What stands at the end of the pipeline: the trainer, the evaluator or the predictor. */
export interface Consumer {
  /** Where the stream must begin. */
  readonly start: StreamPosition;
  /** Fingerprints of the files a resumed run has read, to be verified before it goes on. */
  readonly fingerprints: readonly string[];
  /** Examples this run may still consume; Infinity = all. */
  readonly limit: number;
  /** Rows per batch. */
  readonly capacity: number;
  consume(message: BatchMessage): Promise<void>;
  progress(): Progress;
  /** Commits what is not committed yet and reports. */
  finish(endedBy: EndedBy): Promise<Report>;
  /** Lets go of files and locks, also after an error. */
  close(): Promise<void>;
}
