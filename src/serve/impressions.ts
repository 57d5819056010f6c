import type { CompiledSpec } from "../spec/compiled.js";
import type { Drawn } from "./explore/policy.js";
import type { Scored } from "./threads/engine.js";

/** A request that was answered. */
export interface Answered {
  /** Its id, as in the answer's `x-request-id`. */
  readonly request: string;
  /** The body that was scored, as JSON with `candidates`. */
  readonly body: () => Uint8Array;
  readonly scored: Scored;
  /** Spec of the model that scored it. */
  readonly spec: CompiledSpec;
  /** The randomised order of its candidates; undefined: none. */
  readonly drawn: Drawn | undefined;
}

/** Receives answered requests, for a log of impressions. */
export interface Impressions {
  /** Returns at once, whatever happens to it. */
  offer(answered: Answered): void;
}

/** Counts of candidates of sampled requests. */
export interface LogCounts {
  readonly written: number;
  /**
   * Not written, by reason: the queue was full; the disk or the topic did not accept them; an event or a request was
   * too long.
   */
  readonly dropped: { readonly queue: number; readonly write: number; readonly too_long: number };
  /** Bytes of requests waiting to be written. */
  readonly waiting: number;
}
