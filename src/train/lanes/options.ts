import type { Progress } from "../metrics/report.js";

/** The lanes that a process works: those ≡ `number` (mod `of`). */
export interface LaneShare {
  /** Counted from 0. */
  readonly number: number;
  /** Number of processes that share the lanes. */
  readonly of: number;
}

export const isOwn = ({ number, of }: LaneShare, lane: number): boolean => lane % of === number % of;

/** The processes that share the shards of tables. */
export interface OwnersShare {
  readonly count: number;
  /** This process's number among them, from 0; null: it works lanes. */
  readonly number: number | null;
  /** Address that an owner listens on. */
  readonly host: string;
}

/** The role of a process in a run with lanes. */
export interface LanesOptions {
  /** null: this process works all lanes and exchanges no records, or it is an owner and works none. */
  readonly share: LaneShare | null;
  /** null: every process holds all rows. */
  readonly owners: OwnersShare | null;
  /** Name of the topic for the lanes' records; null: the default, `roundsTopicOf`. */
  readonly roundsTopic: string | null;
  /** Time in ms without a record from a lane until another process works it too. Default 3,000. */
  readonly takeoverMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}
