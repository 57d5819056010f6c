/** Bytes that are there already, served as reads of any size. */
export class Unread {
  private bytes: Uint8Array;

  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.bytes = bytes;
  }

  get isEmpty(): boolean {
    return this.bytes.length === 0;
  }

  /** Replaces what is left, which must be nothing. The bytes are not copied. */
  refill(bytes: Uint8Array): void {
    this.bytes = bytes;
  }

  /** @returns how many bytes were copied into `target`; 0 if there are none */
  read(target: Uint8Array): number {
    const count = Math.min(target.length, this.bytes.length);
    target.set(this.bytes.subarray(0, count));
    this.bytes = this.bytes.subarray(count);
    return count;
  }
}
