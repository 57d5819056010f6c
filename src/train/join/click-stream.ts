import type { RejectedRow } from "../rejects.js";

/** A place in a stream of clicks: text of its source's own. */
export type ClickPlace = string;

/** Clicks that were read together, in the order of their stream. */
export interface ClickRun {
  /** Right before the first of them; of runs that are held and given up together, before the first of these. */
  readonly place: ClickPlace;
  readonly rows: number;
  /** Two halves of the id's hash a click, the lower first. */
  readonly ids: Uint32Array;
  /** ms since the epoch. */
  readonly times: Float64Array;
  /** The id (or the values of the key) and the time of each, as they were told; absent where nobody keeps unused labels. */
  readonly texts?: readonly (readonly string[])[] | undefined;
  /** 1 for what is no click, and tells how far the stream has come alone; absent: all are clicks. */
  readonly others?: Float32Array | undefined;
  /** What was refused up to the last of them. */
  readonly rejects: readonly RejectedRow[];
}

/** A stream of clicks in an order that is the same whenever it is read: a list of files, or a topic's partition. */
export interface ClickStream {
  /** Where it was opened; null: at its beginning. */
  readonly start: ClickPlace | null;
  /** The next clicks; "end": there are no more; "quiet": none have come for a while, and the source knows of none. */
  next(): Promise<ClickRun | "end" | "quiet">;
}

/** Where clicks come from. */
export interface ClickSource {
  /** Clicks come with their texts. Default: they do not. */
  readonly keeps?: boolean;
  /** How many streams there are. */
  readonly streams: number;
  /** What a checkpoint remembers the source by. */
  readonly fingerprints: readonly string[];
  /** Opens stream `index` at a place; null: at its beginning. */
  open(index: number, place: ClickPlace | null): Promise<ClickStream>;
  close(): Promise<void>;
}

/**
 * A stream of clicks was quiet while others told newer ones: what it still tells is taken to be as new. That follows from the
 * clock, so a replay is told of it.
 */
export interface ClickMark {
  readonly kind: "mark";
  /** Impressions (messages) before the batch that could not wait. */
  readonly at: number;
  /** The stream. */
  readonly partition: number;
  /** Clicks of it that had been read. */
  readonly clicks: number;
  /** ms since the epoch. */
  readonly time: number;
}
