import type { MessagePort } from "node:worker_threads";
import type { PlainError } from "../../core/errors.js";
import type { ScoredStream } from "../../metrics/score-blocks.js";
import type { Job } from "../job.js";
import type { Progress, Report } from "../metrics/report.js";
import type { StreamStart } from "../workers/thread-messages.js";

/** A contender, by number. */
export interface Entrant {
  readonly contender: number;
  readonly job: Job;
}

/** The task of a learning thread. */
export interface LearnTask {
  readonly entrants: readonly Entrant[];
  /** To the thread that receives what they learn. */
  readonly control: MessagePort;
  /** Milliseconds between two reports of every contender's figures; null: none. */
  readonly progressMs: number | null;
}

/** Batches that some contenders learn, and how. */
export interface StreamMessage {
  /** Identifies the stream. */
  readonly stream: number;
  readonly port: MessagePort;
  /** In the decoding thread's order, including those of other learning threads. */
  readonly members: readonly number[];
  /** For each member: what its log of a topic's order lacks. */
  readonly missing: readonly StreamStart["replay"][];
  /** Events (learned and rejected) before which no scores are compared. */
  readonly since: number;
  /** Examples per round, and the first round to report; null: there are none. */
  readonly rounds: { readonly every: number; readonly first: number } | null;
}

/** A round is over: which contenders leave; the others continue. */
export interface Proceed {
  readonly type: "proceed";
  readonly stream: number;
  readonly drop: readonly number[];
  /** Nothing is saved for those that leave. */
  readonly discard: boolean;
}

export type ToLearner =
  | { readonly type: "streams"; readonly streams: readonly StreamMessage[] }
  | Proceed
  /** The current batch is finished, and everything is saved. */
  | { readonly type: "stop" }
  /** Nothing was begun, and nothing will be. */
  | { readonly type: "abort" };

/** A contender's figures at one moment. */
export interface Figures {
  readonly progress: Progress;
  readonly scores: ScoredStream;
}

export type FromLearner =
  | { readonly type: "start"; readonly contender: number; readonly start: StreamStart }
  | { readonly type: "round"; readonly contender: number; readonly round: number; readonly figures: Figures }
  | { readonly type: "progress"; readonly contender: number; readonly figures: Figures }
  /** Saved, or given up if there is no report. */
  | { readonly type: "done"; readonly contender: number; readonly report: Report | null; readonly figures: Figures }
  | { readonly type: "failed"; readonly contender: number; readonly error: PlainError }
  /**
   * The source has failed. `saved` is the checkpoint of what was learned until then, or why there is none; "" if
   * nothing was learned.
   */
  | { readonly type: "interrupted"; readonly contender: number; readonly error: PlainError; readonly saved: string }
  /** The thread has nothing more to do. */
  | { readonly type: "ended" };
