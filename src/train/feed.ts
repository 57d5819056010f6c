import type { Room } from "../core/batch.js";
import type { Findings, Reject, Taken } from "../decode/decoder.js";
import type { SourceFile, SourcePosition } from "../sources/source.js";

/** Decoded but not yet taken content of a list of files: rows, and malformed ones among them. */
export interface Feed {
  readonly files: readonly SourceFile[];
  /** Index of the current file. */
  readonly file: number;
  /** As in `ByteSource`. */
  readonly bytesRead: number;
  /** Rows not yet taken. */
  readonly rows: number;
  /** Position of the next row: bytes of the file's decompressed content, and lines. */
  readonly place: { readonly offset: number; readonly row: number };
  /** Goes to a position in the list. Rows not yet taken stay. */
  goTo(place: SourcePosition): Promise<void>;
  /** Decodes until there are `wanted` rows (at most a batch's capacity), or the file ends. */
  fill(wanted: number): Promise<"full" | "end">;
  take(into: ArrayBufferLike | Room): FeedTaken;
  /** Takes only the malformed rows. */
  takeRejects(): readonly Reject[];
  /** Goes to the start of the next file; false if there is none. */
  nextFile(): Promise<boolean>;
}

/** A feed that knows its files. */
export interface FileFeed extends Feed {
  /** As in `ByteSource`. */
  readonly fingerprints: readonly string[];
  readonly totalBytes: number | null;
  verify(fingerprints: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

export interface FeedTaken extends Taken {
  readonly findings: Findings;
}
