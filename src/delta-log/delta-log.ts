import type { Frame } from "./frame.js";
import type { KeptPlace } from "./live.js";

/** One entry of the delta log, to be written. */
export interface Entry {
  readonly kind: "delta" | "snapshot";
  readonly number: number;
  readonly parts: number;
  /** The parts' bytes in order, made one by one, the same every time; the model must not learn meanwhile. */
  bodies(): Iterable<Uint8Array>;
}

/** The writing end of a delta log. One writer at a time; entries in the order of their numbers. */
export interface DeltaSink {
  /** True when a replica that begins now would find no snapshot. */
  needsSnapshot(): Promise<boolean>;
  /**
   * Returns when the entry is where followers find it (and, in a directory or topic, durable). An entry that is there already
   * is left or replaced.
   * @throws HashbrookError log_fenced when a later writer has taken over; log_write
   */
  append(entry: Entry): Promise<void>;
  close(): Promise<void>;
}

/** Who writes: every sink puts it into the frames. */
export interface WriterFacts {
  /** Generation of the writer, a whole number: each start of a trainer has a higher one. */
  readonly epoch: number;
  /** Milliseconds since the epoch, for frames' `sent`. */
  readonly now: () => number;
  /** Told what the operator should know and nothing else says. */
  readonly tell?: (text: string) => void;
}

export type Delivery =
  | { readonly type: "frame"; readonly frame: Frame }
  /** Something was there that is no frame, and was passed over. */
  | { readonly type: "damaged"; readonly reason: string }
  /** Nothing can be read now, and why; the source tries again. */
  | { readonly type: "waiting"; readonly reason: string }
  /** All that was in the log when `follow` began has been delivered. Told once. */
  | { readonly type: "caught-up" };

/** Where a follower begins: at the newest whole snapshot it accepts, or behind what it has. */
export interface FollowFrom {
  /** The follower has all up to this entry: a log that has what comes next delivers no snapshot. Default: it has nothing. */
  readonly after?: KeptPlace | undefined;
  /** The only model whose entries count (its spec's hash); null = any. */
  readonly run: string | null;
  /** The entry that is waited for since later ones have come; null: none. A snapshot of this number or a later one helps as well. */
  readonly missing: number | null;
  accepts(snapshot: { readonly number: number; readonly epoch: number }): boolean;
}

/** The reading end of a delta log. */
export interface DeltaSource {
  /**
   * The frames of the newest snapshot accepted, of the entries after it, and then of new ones as they come, until `signal`
   * aborts. Waits where there is no snapshot yet. May end when there is a snapshot that makes up for what is missing. What an entry is goes by its content, never by a key or file name: whoever
   * can write to the log can name something wrongly.
   */
  follow(from: FollowFrom, signal: AbortSignal): AsyncIterable<Delivery>;
  /** The run of the model whose entries lie in it now, null before there are any. There only where that costs little. */
  run?(): Promise<string | null>;
  /** Gives up connections and watches; `follow` must have ended. */
  close(): Promise<void>;
}
