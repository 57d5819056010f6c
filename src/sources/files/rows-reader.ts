import { HashbrookError } from "../../core/errors.js";
import { tooShort } from "../failure.js";
import { behind, type Reader } from "../reader.js";
import { Unread } from "../unread.js";

/** Reads the rows of a table file (Parquet, Arrow, Avro) as JSON lines. */
export abstract class RowsReader implements Reader {
  /** Lines not yet returned by `read`. */
  private readonly lines = new Unread();

  abstract readonly consumed: number;
  abstract close(): void;
  /** Lines of the next rows, possibly none; null at the end. @throws HashbrookError source_unreadable */
  protected abstract nextLines(): Promise<string | null>;
  /**
   * Skips the first `count` rows without formatting them as lines.
   * @returns the number of rows skipped, fewer if the file has fewer
   * @throws HashbrookError source_unreadable
   */
  abstract passRows(count: number): Promise<number>;

  /** The error for a failure at the current position. */
  protected abstract unreadable(cause: unknown): HashbrookError;

  protected async reading<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (cause) {
      throw this.unreadable(cause);
    }
  }

  async read(target: Uint8Array): Promise<number> {
    while (this.lines.isEmpty) {
      const next = await this.nextLines();
      if (next === null) return 0;
      this.lines.refill(new TextEncoder().encode(next));
    }
    return this.lines.read(target);
  }
}

/**
 * Advances a reader past the first `row` rows or, if `row` is 0 (unknown), past `offset` bytes of their lines. The
 * reader is closed on an error.
 * @throws HashbrookError source_changed if there are fewer; what reading throws
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

/**
 * The `source_unreadable` error for a damaged table file; a HashbrookError is returned as it is.
 * @param codecs the compressions that are supported, for the hint
 */
export function rowsDamaged(name: string, what: string, codecs: string, cause: unknown): HashbrookError {
  if (cause instanceof HashbrookError) return cause;
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  const hint =
    unsupported.find(([sign]) => sign.test(why))?.[1] ??
    `check that the file is complete and its compression one of ${codecs}; write it again, or convert it to JSON lines`;
  return new HashbrookError("source_unreadable", `${name}: ${what}${why}`, { hint, cause });
}

/** What is not supported although the file is whole, in the words of its reader, and what to do. */
const unsupported: readonly (readonly [RegExp, string])[] = [
  [/Unrecognized type/, "a column has a type that cannot be read, such as run ends or views: write its plain values"],
  [/file (?:is|are) encrypted/, "keys are not supported: write it without encryption"],
  [/Feather version 1/, "write version 2, the Arrow IPC file format: pandas and pyarrow do so unless told otherwise"],
  [/file is empty/, "write it again: even a table without rows has a schema"],
];
