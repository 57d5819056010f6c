import { HashbrookError } from "../../core/errors.js";
import { tooShort } from "../failure.js";
import { behind, type Reader } from "../reader.js";

/** A table's rows, read as lines of JSON. */
export abstract class RowsReader implements Reader {
  /** Lines that were not read yet. */
  private lines: Uint8Array = new Uint8Array(0);

  abstract readonly consumed: number;
  abstract close(): void;
  /** Lines of the rows that are next, perhaps none; null at the end. @throws HashbrookError source_unreadable */
  protected abstract nextLines(): Promise<string | null>;
  /** Passes over a file's first rows, and makes no lines of them. @returns how many of them there were @throws HashbrookError source_unreadable */
  abstract passRows(count: number): Promise<number>;

  /** The error for what cannot be read where the reader stands. */
  protected abstract unreadable(cause: unknown): HashbrookError;

  protected async reading<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (cause) {
      throw this.unreadable(cause);
    }
  }

  async read(target: Uint8Array): Promise<number> {
    while (this.lines.length === 0) {
      const next = await this.nextLines();
      if (next === null) return 0;
      this.lines = new TextEncoder().encode(next);
    }
    const count = Math.min(target.length, this.lines.length);
    target.set(this.lines.subarray(0, count));
    this.lines = this.lines.subarray(count);
    return count;
  }
}

/**
 * A table's reader behind its first rows, or, where it is not known how many, behind so many bytes of their lines; it is closed where there are fewer.
 * @throws HashbrookError source_changed; what reading throws
 */
export async function behindRows<R extends RowsReader>(reader: R, name: string, offset: number, row = 0): Promise<R> {
  if (row === 0) return behind(reader, name, offset);
  try {
    const passed = await reader.passRows(row);
    if (passed < row) throw tooShort(name, row, passed, "row");
    return reader;
  } catch (error) {
    reader.close();
    throw error;
  }
}

/** @param codecs what such files may be compressed by */
export function rowsDamaged(name: string, what: string, codecs: string, cause: unknown): HashbrookError {
  if (cause instanceof HashbrookError) return cause;
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  return new HashbrookError("source_unreadable", `${name}: ${what}${why}`, {
    hint: `is it whole, and compressed by ${codecs}? write it again, or convert it to JSON lines`,
    cause,
  });
}
