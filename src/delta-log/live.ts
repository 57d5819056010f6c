import type { ServingState } from "./state.js";

/** A model that receives what a publisher sends. */
export interface ReplicaModel {
  /**
   * Applies the parts of an update, such that no answer uses only some of them.
   * @param examples number of examples learned after it
   * @param place position in the log after it; absent within a snapshot
   */
  apply(states: readonly ServingState[], examples: number, place?: KeptPlace): void | Promise<void>;
  close(): Promise<void>;
}

/** A position in the log. */
export interface LogPlace {
  readonly run: string;
  /** The last entry applied. */
  number: number;
  /** Examples learned. */
  version: number;
  epoch: number;
  /** When that entry was sent, ms since the epoch. */
  sent: number;
  /** The newest event time made visible, ms since the epoch; null if events have none. */
  newestEvent: number | null;
  /** Why the trainer withholds later changes; null: it does not. */
  held: string | null;
}

/** A model, and its position in the log. */
export interface Live<M> extends LogPlace {
  readonly model: M;
}

/** The position from which a model that outlives its process continues. */
export interface KeptPlace extends Readonly<LogPlace> {
  /** The last entry's link, which the next entry names. */
  readonly link: string;
}

/** What a follower has found in its log, counted. */
export interface Counters {
  /** Entries applied; not counted again when a log is reread. */
  applied: number;
  /** Entries that had been applied already. */
  duplicates: number;
  /** Entries of earlier writers, or of other models. */
  ignored: number;
  /** Entries that were really missing. */
  gaps: number;
  /** Entries that contradict those applied. */
  conflicts: number;
  /** Messages or parts that are not entries, or are corrupted: they are skipped. */
  damaged: number;
  /** Number of times the log was reread from a snapshot. */
  resyncs: number;
}
