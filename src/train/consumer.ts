import type { Progress, Report, StreamPosition } from "./job.js";
import type { DecodedBatch } from "./stream.js";

export type EndedBy = Report["ended_by"];

/** What is known of the source when a batch has been decoded. */
export interface SourceState {
  readonly fingerprints: readonly string[];
  readonly totalBytes: number | null;
}

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
  consume(decoded: DecodedBatch, source: SourceState): Promise<void>;
  progress(): Progress;
  /** Commits what is not committed yet and reports. */
  finish(endedBy: EndedBy): Promise<Report>;
  /** Lets go of files and locks, also after an error. */
  close(): Promise<void>;
}
