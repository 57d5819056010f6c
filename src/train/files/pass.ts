import type { FileBegin } from "../stream.js";

/** What a checkpoint stores about the list of files being learned, in addition to the position in it: plain JSON. */
export interface Pass {
  /** Examples learned before this list. */
  readonly from: number;
  /** Where the held-out part begins: "FILE OFFSET"; null: nothing is held out. */
  readonly held_out: string | null;
  /** Files, by index, that are learned only in part, or that were learned before. */
  readonly begins: Readonly<Record<number, FileBegin>>;
  /** The files that were learned to their end, in order. */
  readonly ends: readonly FileEnd[];
  /** The whole list was learned, for all requested epochs. */
  readonly finished: boolean;
}

/** Where a file ended. */
export interface FileEnd {
  /** Bytes of its content, and lines. */
  readonly offset: number;
  readonly row: number;
  /** Its size on disk; null if it has none. */
  readonly stored: number | null;
  /** Examples learned up to there. */
  readonly examples: number;
}

/** A run's beginning. */
export const NEW_PASS: Pass = { from: 0, held_out: null, begins: {}, ends: [], finished: false };
