import type { Frame } from "./frame.js";
import type { KeptPlace } from "./live.js";

/** One entry of the delta log, to be written. */
export interface Entry {
  readonly kind: "delta" | "snapshot";
  readonly number: number;
  readonly parts: number;
  /** The parts' bytes in order, generated one by one, the same every time; the model must not learn meanwhile. */
  bodies(): Iterable<Uint8Array>;
}

/** The writing end of a delta log. One writer at a time; entries in the order of their numbers. */
export interface DeltaSink {
  /** True if a replica that starts now would find no snapshot of the writer's model. */
  needsSnapshot(): Promise<boolean>;
  /**
   * Resolves when followers can find the entry (and, in a directory or topic, it is durable). An existing copy of the
   * entry is kept or replaced.
   * @throws HashbrookError log_fenced when a later writer has taken over; log_write
   */
  append(entry: Entry): Promise<void>;
  close(): Promise<void>;
}

/** The writer's identity, which every sink puts into frames. */
export interface WriterFacts {
  /** The writer's generation, an integer that increases with each start of a trainer. */
  readonly epoch: number;
  /** Hash of the model's spec; undefined: entries of other models are not looked for. */
  readonly run?: string;
  /** Milliseconds since the epoch, for frames' `sent`. */
  readonly now: () => number;
  /** Called with messages for the operator that are reported nowhere else. */
  readonly tell?: (text: string) => void;
}

export type Delivery =
  | { readonly type: "frame"; readonly frame: Frame }
  /** Something that is not a frame was found, and skipped. */
  | { readonly type: "damaged"; readonly reason: string }
  /** Nothing can be read now, and why; the source keeps trying. */
  | { readonly type: "waiting"; readonly reason: string }
  /** Everything that was in the log when `follow` began has been delivered. Sent once. */
  | { readonly type: "caught-up" };

/** Where a follower begins: at the newest complete snapshot it accepts, or after what it has. */
export interface FollowFrom {
  /**
   * The follower has everything up to this entry: no snapshot is delivered if the log has the next one. Default: it has
   * nothing.
   */
  readonly after?: KeptPlace | undefined;
  /** The only model whose entries count (its spec's hash); null = any. */
  readonly run: string | null;
  /** The missing entry, if later ones have come; null: none. A snapshot with this number or a later one also helps. */
  readonly missing: number | null;
  accepts(snapshot: { readonly number: number; readonly epoch: number }): boolean;
}

/** The reading end of a delta log. */
export interface DeltaSource {
  /**
   * The frames of the newest accepted snapshot, of the entries after it, and then of new ones as they come, until
   * `signal` aborts. Waits if there is no snapshot yet. May end when there is a snapshot that contains what is missing.
   * An entry is identified by its content, never by a key or file name, which any writer to the log may get wrong.
   */
  follow(from: FollowFrom, signal: AbortSignal): AsyncIterable<Delivery>;
  /**
   * The run of the model whose entries are in the log, null before there are any. Implemented only if that is cheap.
   */
  run?(): Promise<string | null>;
  /** Closes connections and watches; `follow` must have ended. */
  close(): Promise<void>;
}
