import type { RejectedRow } from "../stream.js";

/** A place in a stream of clicks: plain JSON of its source. */
export type ClickPlace = string;

/** Clicks that were read together, in the order of their stream. */
export interface ClickRun {
  /** Right before the first of them. */
  readonly place: ClickPlace;
  readonly rows: number;
  /** Two halves of the id's hash a click, the lower first. */
  readonly ids: Uint32Array;
  /** ms since the epoch. */
  readonly times: Float64Array;
  /** What was refused up to the last of them. */
  readonly rejects: readonly RejectedRow[];
}

/** A stream of clicks in an order that is the same whenever it is read: a list of files, or a topic's partition. */
export interface ClickStream {
  /** The next clicks; null: the stream has ended. Waits for a topic's. */
  next(): Promise<ClickRun | null>;
  close(): Promise<void>;
}

/** Where clicks come from. */
export interface ClickSource {
  /** How many streams there are. */
  readonly streams: number;
  /** What a checkpoint remembers the source by. */
  readonly fingerprints: readonly string[];
  /** Opens stream `index` at a place; null: at its beginning. */
  open(index: number, place: ClickPlace | null): Promise<ClickStream>;
}
