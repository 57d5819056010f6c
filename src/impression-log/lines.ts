const FIRST_BYTES = 64 << 10;
const NEWLINE = 10;

/** Lines being written, one after the other. */
export class Lines {
  private bytes = Buffer.allocUnsafe(FIRST_BYTES);
  private length = 0;
  /** The end of each line, including its newline. */
  private readonly ends: number[] = [];

  get count(): number {
    return this.ends.length;
  }

  /** Bytes of the finished lines. */
  get size(): number {
    return this.ends.at(-1) ?? 0;
  }

  text(text: string): void {
    this.room(text.length * 3);
    this.length += this.bytes.write(text, this.length, "utf8");
  }

  copy(source: Buffer, from: number, to: number): void {
    this.room(to - from);
    this.length += source.copy(this.bytes, this.length, from, to);
  }

  /** One byte, an ASCII character. */
  byte(code: number): void {
    this.room(1);
    this.bytes[this.length++] = code;
  }

  /** A text of ASCII characters. */
  ascii(text: string): void {
    this.room(text.length);
    this.length += this.bytes.write(text, this.length, "latin1");
  }

  /** Ends the line, which must not contain a newline. @returns false if it is longer than `most` bytes; it is then left out */
  end(most: number): boolean {
    const from = this.size;
    if (this.length - from > most) {
      this.length = from;
      return false;
    }
    this.byte(NEWLINE);
    this.ends.push(this.length);
    return true;
  }

  /** All lines. */
  get whole(): Buffer {
    return this.bytes.subarray(0, this.size);
  }

  /** Each line, without its newline. */
  get each(): Buffer[] {
    return this.ends.map((end, i) => this.bytes.subarray(i === 0 ? 0 : this.ends[i - 1], end - 1));
  }

  clear(): void {
    this.length = 0;
    this.ends.length = 0;
  }

  private room(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const bytes = Buffer.allocUnsafe(2 * (this.length + more));
    this.bytes.copy(bytes, 0, 0, this.length);
    this.bytes = bytes;
  }
}
