import type { ServingState } from "./state.js";

/** A model that takes what a publisher sends. */
export interface ReplicaModel {
  /**
   * Applies the pieces of an update, of which nothing is answered by half.
   * @param examples it has learned then
   * @param place where in the log it is then; absent amid a snapshot
   */
  apply(states: readonly ServingState[], examples: number, place?: KeptPlace): void | Promise<void>;
  close(): Promise<void>;
}

/** A state of the log. */
export interface LogPlace {
  readonly run: string;
  /** The last entry applied. */
  number: number;
  /** Examples learned. */
  version: number;
  epoch: number;
  /** When that entry was sent, ms since the epoch. */
  sent: number;
  /** The newest event time made visible, ms since the epoch; null where events have none. */
  newestEvent: number | null;
  /** Why the trainer holds back what it learned since; null: it does not. */
  held: string | null;
}

/** A model, and which state of the log it is in. */
export interface Live<M> extends LogPlace {
  readonly model: M;
}

/** What a model that outlives its process goes on from. */
export interface KeptPlace extends Readonly<LogPlace> {
  /** Of the last entry, which the next one names. */
  readonly link: string;
}

/** What a follower has met in its log, counted. */
export interface Counters {
  /** Entries applied; not again when a log is read again. */
  applied: number;
  /** Entries that were there already. */
  duplicates: number;
  /** Entries of earlier writers, or of other models. */
  ignored: number;
  /** Entries that were truly missing. */
  gaps: number;
  /** Entries that contradict those applied. */
  conflicts: number;
  /** Messages or parts that are no entry, or have a wrong byte: passed over. */
  damaged: number;
  /** Times the log was read anew from a snapshot. */
  resyncs: number;
}
