import type { RejectedRow } from "../rejects/rejects.js";

/** A position in a stream of clicks, in the notation of its source. */
export type ClickPlace = string;

/** Clicks that were read together, in stream order. */
export interface ClickRun {
  /** The position before the first of them; for runs that are kept and released together, before the first of these. */
  readonly place: ClickPlace;
  readonly rows: number;
  /** Two halves of the id's hash per click, the lower first. */
  readonly ids: Uint32Array;
  /** ms since the epoch. */
  readonly times: Float64Array;
  /** The id (or the key's values) and the time of each, as received; absent unless unused labels are kept. */
  readonly texts?: readonly (readonly string[])[] | undefined;
  /** 1 for messages that are not clicks and only advance the stream's time; absent: all are clicks. */
  readonly others?: Float32Array | undefined;
  /** What was rejected up to the last of them. */
  readonly rejects: readonly RejectedRow[];
}

/** A stream of clicks whose order is the same whenever it is read: a list of files, or a topic's partition. */
export interface ClickStream {
  /** Where it was opened; null: at its beginning. */
  readonly start: ClickPlace | null;
  /** The next clicks; "end": there are no more; "quiet": none have come for a while, and the source knows of none. */
  next(): Promise<ClickRun | "end" | "quiet">;
}

/** A source of clicks. */
export interface ClickSource {
  /** Clicks are returned with their texts. Default: they are not. */
  readonly keeps?: boolean;
  /** How many streams there are. */
  readonly streams: number;
  /** The source's identity in a checkpoint. */
  readonly fingerprints: readonly string[];
  /** Opens stream `index` at a place; null: at its beginning. */
  open(index: number, place: ClickPlace | null): Promise<ClickStream>;
  close(): Promise<void>;
}

/**
 * Records that a stream of clicks was quiet while others advanced: its remaining events are treated as if they were
 * that new. This depends on the clock, so it is recorded for replays.
 */
export interface ClickMark {
  readonly kind: "mark";
  /** Impressions (messages) before the batch that could not wait. */
  readonly at: number;
  /** The stream. */
  readonly partition: number;
  /** Number of its clicks that had been read. */
  readonly clicks: number;
  /** ms since the epoch. */
  readonly time: number;
}
