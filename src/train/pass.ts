import type { FileBegin } from "./stream.js";

/** What a checkpoint knows of the list of files being learned, beside the place in it: plain JSON. */
export interface Pass {
  /** Examples learned before this list. */
  readonly from: number;
  /** Where the part that is held out for validation begins: "FILE OFFSET"; null: nothing is held out. */
  readonly held_out: string | null;
  /** Files, by index, of which not all is learned, or not for the first time. */
  readonly begins: Readonly<Record<number, FileBegin>>;
  /** The files that were learned to their end, in order. */
  readonly ends: readonly FileEnd[];
  /** The whole list was learned, as often as it was asked for. */
  readonly finished: boolean;
}

/** Where a file ended. */
export interface FileEnd {
  /** Bytes of its content, and lines. */
  readonly offset: number;
  readonly row: number;
  /** Its size on disk; null where it has none. */
  readonly stored: number | null;
  /** Examples learned up to there. */
  readonly examples: number;
}

/** A run's beginning. */
export const NEW_PASS: Pass = { from: 0, held_out: null, begins: {}, ends: [], finished: false };
