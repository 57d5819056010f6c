import type { Readable } from "node:stream";
import { tooShort } from "./failure.js";

/** What a simulated row counts in the measure of `consumed`: its true size is known only when it is made. */
export const SIMULATED_ROW_BYTES = 256;

/** One open input, read once from start to end. */
export interface Reader {
  /** Fills as much of `target` as is at hand: 1..target.length bytes, or 0 at the end. */
  read(target: Uint8Array): number | Promise<number>;
  /** Bytes of the stored form (compressed where it is) consumed so far, counted from the input's beginning. */
  readonly consumed: number;
  close(): void;
}

/** One input of a source, not yet open. */
export interface Input {
  /** As given on the command line. */
  readonly name: string;
  /** What a checkpoint remembers it by, so that a moved folder does not matter. */
  readonly id: string;
  /** Size of the stored form, null where it cannot be known. */
  readonly bytes: number | null;
  /** When it was changed last, ms since 1970; absent where that is not known. */
  readonly modified?: number;
  /** Where rows are known without reading: where the first one begins that begins at or behind a byte; null: there is none. */
  readonly rowFrom?: (byte: number) => number | null;
  /** How far `consumed` of its readers goes, where that is known without a size. */
  readonly extent?: number;
  /** Size of the decompressed content, null where it is known only after reading. */
  readonly content: number | null;
  /** False: can be read once only, from the start (stdin, a pipe). */
  readonly repeatable: boolean;
  /**
   * Opens it so that the first byte read is byte `offset` of the (decompressed) content.
   * @param row lines before that byte, where one begins there; 0: not known. A table goes to that row and makes no lines of those before
   */
  open(offset: number, row?: number): Promise<Reader>;
}

/**
 * A reader that has read and dropped `offset` bytes; it is closed where it has not so many.
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

/** Hands out a stream's chunks as reads of any size; one chunk is held at a time, and the stream waits meanwhile. */
export class ChunkReader {
  readonly #stream: Readable;
  readonly #chunks: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);

  constructor(stream: Readable) {
    this.#stream = stream;
    this.#chunks = stream[Symbol.asyncIterator]();
    stream.on("error", () => {}); // a failure reaches the next read; before that, or after close, nobody asks
  }

  async read(target: Uint8Array): Promise<number> {
    while (this.#chunk.length === 0) {
      const next = await this.#chunks.next();
      if (next.done) return 0;
      this.#chunk = next.value;
    }
    const count = Math.min(target.length, this.#chunk.length);
    target.set(this.#chunk.subarray(0, count));
    this.#chunk = this.#chunk.subarray(count);
    return count;
  }

  close(): void {
    this.#stream.destroy();
  }
}
