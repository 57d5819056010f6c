/** Memory of a common copy, a little more than what is copied at a time. */
const PIECE_BYTES = 8 << 20;
/** Copies below this are cheap to make room for. */
const SMALL_BYTES = PIECE_BYTES / 64;
const MOST_SPARE = 16;

/**
 * Memory for copies of rows that are handed over to another thread and come back: the system is slow to give new memory. Only
 * pieces of one size are kept, at most 128 MiB of them, however large single copies are.
 */
export class CopyMemory {
  private readonly spare: ArrayBuffer[] = [];

  /** Room for one copy, not zeroed. */
  take(bytes: number): Uint8Array<ArrayBuffer> {
    if (bytes < SMALL_BYTES || bytes > PIECE_BYTES) return new Uint8Array(bytes);
    return new Uint8Array(this.spare.pop() ?? new ArrayBuffer(PIECE_BYTES), 0, bytes);
  }

  /** Takes back memory whose copy has been used. */
  give(buffers: readonly ArrayBuffer[]): void {
    const pieces = buffers.filter(({ byteLength }) => byteLength === PIECE_BYTES);
    this.spare.push(...pieces.slice(0, MOST_SPARE - this.spare.length));
  }
}
