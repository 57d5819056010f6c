import { HashbrookError } from "../core/errors.js";
import type { ScanInput } from "./input.js";
import { MAX_REJECT_BYTES, MAX_ROW, type PassedRow } from "./reject.js";

/** The varint of a length of up to 2 GiB. */
const LENGTH_BYTES = 5;
const MOST_LENGTH = 2 ** 31 - 1;

/** A message's bytes, in the kernel's memory. */
export interface Framed {
  readonly start: number;
  readonly end: number;
}

/** Messages of a file, each preceded by its length as a varint: Protobuf's delimited messages. */
export class Frames {
  /** A message too long to be read, and how many of its bytes have not been skipped yet. */
  private long: { readonly row: PassedRow; left: number } | undefined;

  /** Begins at a message. */
  begin(): void {
    this.long = undefined;
  }

  /**
   * The next message, whose length has been passed in the input; undefined if more bytes are needed.
   * @param before messages of the file before it
   * @throws HashbrookError source_unreadable if there is no valid length, or the file ends within a message
   */
  next(input: ScanInput, before: number): Framed | PassedRow | undefined {
    if (this.long) return this.pass(input, this.long);
    if (input.unread === 0) return undefined;
    const where = `message ${before + 1}, at byte ${input.offset}`;
    const { length, size } = lengthAt(input.bytes(input.read, Math.min(input.end, input.read + LENGTH_BYTES)), where);
    const start = input.read + size;
    const there = input.end - start;
    if (input.ended && (size === 0 || there < length)) throw cutOff(where, size === 0 ? null : { length, there });
    if (size === 0) return undefined;
    if (length > MAX_ROW) return this.beginLong(input, start, length);
    return there < length ? undefined : { start, end: start + length };
  }

  private beginLong(input: ScanInput, start: number, length: number): PassedRow | undefined {
    const kept = Math.min(MAX_REJECT_BYTES, length);
    if (input.end - start < kept) return undefined;
    const { offset } = input;
    const bytes = input.bytes(start, start + kept).slice();
    input.advance(start);
    this.long = { row: { bytes, offset, length }, left: length };
    return this.pass(input, this.long);
  }

  private pass(input: ScanInput, long: { readonly row: PassedRow; left: number }): PassedRow | undefined {
    const passed = Math.min(long.left, input.unread);
    input.advance(input.read + passed);
    long.left -= passed;
    const { row, left } = long;
    if (left > 0 && !input.ended) return undefined;
    if (left > 0) throw cutOff(`a message at byte ${row.offset}`, { length: row.length, there: row.length - left });
    this.long = undefined;
    return row;
  }
}

/** @returns size 0 if the varint continues beyond the bytes */
function lengthAt(bytes: Uint8Array, where: string): { length: number; size: number } {
  let length = 0;
  for (let i = 0; i < bytes.length; i++) {
    length += (bytes[i] & 127) * 128 ** i;
    if (length > MOST_LENGTH) break;
    if (bytes[i] < 128) return { length, size: i + 1 };
  }
  if (bytes.length < LENGTH_BYTES && length <= MOST_LENGTH) return { length: 0, size: 0 };
  throw new HashbrookError("source_unreadable", `${where}: length exceeds 2 GiB`, {
    hint: "write length-delimited Protobuf messages (writeDelimitedTo, sizeDelimitedEncode), not a single message or JSON",
  });
}

function cutOff(where: string, part: { length: number; there: number } | null): HashbrookError {
  const what = part ? `only ${part.there} of ${part.length} bytes` : "incomplete length";
  return new HashbrookError("source_unreadable", `${where}, is truncated: ${what}`, {
    hint: "write the file completely",
  });
}
