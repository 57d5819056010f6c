import type { ScanInput } from "./input.js";
import { MAX_REJECT_BYTES, MAX_ROW, type PassedRow } from "./reject.js";

/** A row longer than MAX_ROW whose end has not arrived yet; it is skipped piece by piece. */
export class LongRow {
  private readonly bytes: Uint8Array<ArrayBuffer>;
  private readonly offset: number;
  private length = 0;

  private constructor(input: ScanInput) {
    this.bytes = input.bytes(input.read, input.read + MAX_REJECT_BYTES).slice();
    this.offset = input.offset;
  }

  /** The current row, if it is too long to be buffered until its end arrives. */
  static at(input: ScanInput): LongRow | undefined {
    return input.unread <= MAX_ROW || input.limit > input.read ? undefined : new LongRow(input);
  }

  /** Skips what has arrived. @returns the rejected row, once its end has arrived */
  skip(input: ScanInput): PassedRow | undefined {
    const hasEnd = input.limit > input.read;
    const part = hasEnd ? input.bytes(input.read, input.limit).indexOf(10) : input.unread;
    this.length += part;
    input.advance(input.read + part + 1);
    return hasEnd || input.ended ? { bytes: this.bytes, offset: this.offset, length: this.length } : undefined;
  }
}
