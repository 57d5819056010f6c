/** Reads Kafka's zigzag varints from bytes. */
export class Cursor {
  at: number;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  /** The next number; NaN beyond the end. */
  varint(): number {
    const byte = this.bytes[this.at++];
    return byte < 0x80 ? (byte >>> 1) ^ -(byte & 1) : this.long(byte & 0x7f);
  }

  /** Length-prefixed bytes; null if the length is -1. */
  sized(): Uint8Array | null {
    const length = this.varint();
    if (length < 0) return null;
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  private long(low: number): number {
    let value = low;
    for (let unit = 0x80, byte = 0x80; byte >= 0x80; unit *= 0x80) {
      byte = this.bytes[this.at++];
      value += (byte & 0x7f) * unit;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}
