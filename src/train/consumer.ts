import type { FileEnd } from "./files/pass.js";
import type { Plan } from "./files/plan.js";
import type { StreamPosition } from "./job.js";
import type { Progress, Report } from "./metrics/report.js";
import type { DecodedBatch } from "./stream.js";
import type { StreamStart } from "./workers/thread-messages.js";

export type EndedBy = Report["ended_by"];

/** Whether a run has learned everything it was given. */
export function isOver(endedBy: EndedBy): boolean {
  return endedBy === "end" || endedBy === "early_stop";
}

/** What is known about the source when a batch has been decoded. */
export interface SourceState {
  readonly fingerprints: readonly string[];
  readonly totalBytes: number | null;
  /** The files of the list that were learned to the end. */
  readonly ends: readonly FileEnd[];
}

/**
 * The decoding thread's side of opening a consumer. It is informed as early as possible, so that it can prepare while
 * the model loads. If what it was informed of changes, opening fails.
 */
export interface Upstream {
  join(): void;
  start(start: StreamStart): void;
  /**
   * Called in every batch at a good moment to decode the next one. If it is never called, that moment is a batch's end.
   */
  spare(): void;
}

/** The start of a stream read from its beginning. */
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

/** The end of the pipeline: the trainer, the evaluator or the predictor. */
export interface Consumer {
  /** The position of this run's last checkpoint, null before there is one. */
  readonly committed: StreamPosition | null;
  /** Why it wants no more batches; null: it does. */
  readonly ended: EndedBy | null;
  /** A topic was opened, to be read from `position` on. Called before the first batch. */
  opened?(position: StreamPosition, fingerprints: readonly string[]): Promise<void>;
  /** Files were opened. Called before the first batch. */
  began?(plan: Omit<Plan, "inputs">): void;
  consume(decoded: DecodedBatch, source: SourceState): Promise<void>;
  /** Scores a batch of validation events. */
  validate?(decoded: DecodedBatch): Promise<void>;
  /** All validation events of `data` were scored, after `epoch` passes (null: at the limit). */
  validationEnded?(epoch: number | null, data: string): void;
  /** Called now and then while nothing arrives, for what depends on the clock. */
  idle?(): Promise<void>;
  progress(): Omit<Progress, "source">;
  /** Commits what is not committed yet and returns the report. */
  finish(endedBy: EndedBy): Promise<Report>;
  /** Releases files and locks, also after an error. */
  close(): Promise<void>;
}
