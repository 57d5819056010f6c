import type { Progress } from "../metrics/report.js";

/** Which lanes a process works: those ≡ `number` (mod `of`). */
export interface LaneShare {
  /** From 0 on. */
  readonly number: number;
  /** Processes that share the lanes. */
  readonly of: number;
}

export const isOwn = ({ number, of }: LaneShare, lane: number): boolean => lane % of === number % of;

/** Processes that hold the shards of tables between them. */
export interface OwnersShare {
  readonly count: number;
  /** Which of them this process is; null: it works lanes. */
  readonly number: number | null;
  /** Where an owner listens. */
  readonly host: string;
}

/** How a process takes part in a run of lanes. */
export interface LanesOptions {
  /** null: all lanes are this process's, and nothing is told to others; or none is, of an owner. */
  readonly share: LaneShare | null;
  /** null: every process holds all rows. */
  readonly owners: OwnersShare | null;
  /** The topic that carries what lanes bring; there with `share`. */
  readonly roundsTopic: string | null;
  /** How long a lane may tell nothing before another process works it too, in ms. */
  readonly takeoverMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}
