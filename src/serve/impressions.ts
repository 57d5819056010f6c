import type { CompiledSpec } from "../spec/compiled.js";
import type { Scored } from "./engine.js";
import type { Drawn } from "./explore/policy.js";

/** A request that was answered. */
export interface Answered {
  /** Its id, as the answer's `x-request-id` says. */
  readonly request: string;
  /** The body that was scored, as JSON with `candidates`. */
  readonly body: () => Uint8Array;
  readonly scored: Scored;
  /** Of the model that scored it. */
  readonly spec: CompiledSpec;
  /** How its candidates were ordered by chance; undefined: they were not. */
  readonly drawn: Drawn | undefined;
}

/** Takes what was answered, for a log of impressions. */
export interface Impressions {
  /** Returns at once, whatever becomes of it. */
  offer(answered: Answered): void;
}

/** What became of the candidates of sampled requests. */
export interface LogCounts {
  readonly written: number;
  /** Not written, by reason: the queue was full; the disk or the topic did not take them; longer than an event, or all of a request, may be. */
  readonly dropped: { readonly queue: number; readonly write: number; readonly too_long: number };
  /** Bytes of requests that wait to be written. */
  readonly waiting: number;
}
