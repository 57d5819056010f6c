import type { Readable } from "node:stream";
import { tooShort } from "./failure.js";
import { Unread } from "./unread.js";

/** What a simulated row adds to `consumed`: its true size is known only when it is made. */
export const SIMULATED_ROW_BYTES = 256;

/** One open input, read once from start to end. */
export interface Reader {
  /** Reads what is available: 1..target.length bytes, or 0 at the end. */
  read(target: Uint8Array): number | Promise<number>;
  /** Bytes of the stored form (compressed or not) consumed so far, counted from the input's beginning. */
  readonly consumed: number;
  close(): void;
}

/** One input of a source, not yet open. */
export interface Input {
  /** As given on the command line. */
  readonly name: string;
  /** The name under which a checkpoint records it; it does not change if a folder is moved. */
  readonly id: string;
  /** Size of the stored form, null if unknown. */
  readonly bytes: number | null;
  /** Time of the last change, ms since 1970; absent if unknown. */
  readonly modified?: number;
  /**
   * For inputs whose rows are not found by their newlines: the offset of the first row that begins at or after a byte
   * (above 0), or of the end; null if there is none.
   */
  readonly rowFrom?: (byte: number) => number | null | Promise<number | null>;
  /** The final value of its readers' `consumed`, if it is known although `bytes` is not. */
  readonly extent?: number;
  /** Size of the decompressed content; null if it is known only after reading. */
  readonly content: number | null;
  /** False: can be read only once, from the start (stdin, a pipe). */
  readonly repeatable: boolean;
  /**
   * Opens it so that the first byte read is byte `offset` of the (decompressed) content.
   * @param row number of lines before that byte, if a line begins there; 0: unknown. A table file seeks to that row
   *   without formatting earlier rows as lines
   */
  open(offset: number, row?: number): Promise<Reader>;
}

/**
 * Advances a reader by `offset` bytes; it is closed if it has fewer.
 * @throws HashbrookError source_changed; what reading throws
 */
export async function behind<R extends Reader>(reader: R, name: string, offset: number): Promise<R> {
  try {
    const skipped = await skip(reader, offset);
    if (skipped < offset) throw tooShort(name, offset, skipped);
    return reader;
  } catch (error) {
    reader.close();
    throw error;
  }
}

/** The next `size` bytes of a reader, fewer if it ends before; it is closed. */
export async function headOf(reader: Reader, size: number): Promise<Uint8Array> {
  const head = new Uint8Array(size);
  try {
    let length = 0;
    for (let count = -1; count !== 0 && length < size; length += count)
      count = await reader.read(head.subarray(length));
    return head.subarray(0, length);
  } finally {
    reader.close();
  }
}

/** @returns how many bytes there were */
async function skip(reader: Reader, offset: number): Promise<number> {
  const scratch = new Uint8Array(Math.min(offset, 1 << 18));
  let at = 0;
  while (at < offset) {
    const count = await reader.read(scratch.subarray(0, Math.min(scratch.length, offset - at)));
    if (count === 0) break;
    at += count;
  }
  return at;
}

/** Serves a stream's chunks as reads of any size; holds one chunk at a time, and pauses the stream meanwhile. */
export class ChunkReader {
  private readonly stream: Readable;
  private readonly chunks: AsyncIterator<Uint8Array>;
  private readonly chunk = new Unread();

  constructor(stream: Readable) {
    this.stream = stream;
    this.chunks = stream[Symbol.asyncIterator]();
    stream.on("error", () => {}); // thrown by the next read; after close there is none
  }

  async read(target: Uint8Array): Promise<number> {
    while (this.chunk.isEmpty) {
      const next = await this.chunks.next();
      if (next.done) return 0;
      this.chunk.refill(next.value);
    }
    return this.chunk.read(target);
  }

  close(): void {
    this.stream.destroy();
  }
}
