/**
 * The part of Node's Buffer that the package uses, for browsers: the bundle substitutes it (scripts/browser.mjs). Bytes with
 * text conversion.
 */
export class Buffer extends Uint8Array<ArrayBuffer> {
  static alloc(size: number): Buffer {
    return new Buffer(new ArrayBuffer(size));
  }

  /** A text's bytes, a view of memory, or a copy of bytes. */
  static override from(data: unknown, offset?: unknown, length?: unknown): Buffer {
    if (data instanceof ArrayBuffer) return new Buffer(data, Number(offset ?? 0), length as number | undefined);
    return Buffer.concat([typeof data === "string" ? new TextEncoder().encode(data) : (data as Uint8Array)]);
  }

  static concat(list: readonly Uint8Array[]): Buffer {
    const all = Buffer.alloc(list.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const bytes of list) {
      all.set(bytes, at);
      at += bytes.length;
    }
    return all;
  }

  static byteLength(text: string): number {
    return new TextEncoder().encode(text).length;
  }

  /** Writes as much of a text as fits. @returns the bytes written */
  write(text: string): number {
    return new TextEncoder().encodeInto(text, this).written;
  }

  readBigUInt64LE(at = 0): bigint {
    return new DataView(this.buffer, this.byteOffset, this.byteLength).getBigUint64(at, true);
  }

  override toString(encoding: "utf8" | "latin1" = "utf8", start = 0, end = this.length): string {
    return new TextDecoder(encoding, { ignoreBOM: true }).decode(this.subarray(start, end));
  }
}

/** True for well-formed UTF-8. */
export function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
