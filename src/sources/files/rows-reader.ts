import { HashbrookError } from "../../core/errors.js";
import type { Reader } from "../reader.js";

/** A table's rows, read as lines of JSON. */
export abstract class RowsReader implements Reader {
  /** Lines that were not read yet. */
  private lines: Uint8Array = new Uint8Array(0);

  abstract readonly consumed: number;
  abstract close(): void;
  /** Lines of the rows that are next, perhaps none; null at the end. @throws HashbrookError source_unreadable */
  protected abstract nextLines(): Promise<string | null>;

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

/** @param codecs what such files may be compressed by */
export function rowsDamaged(name: string, what: string, codecs: string, cause: unknown): HashbrookError {
  if (cause instanceof HashbrookError) return cause;
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  return new HashbrookError("source_unreadable", `${name}: ${what}${why}`, {
    hint: `is it whole, and compressed by ${codecs}? write it again, or convert it to JSON lines`,
    cause,
  });
}
