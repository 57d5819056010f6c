/** Size of pooled buffers, slightly more than a usual copy. */
const PIECE_BYTES = 8 << 20;
/** Smaller copies are cheap to allocate. */
const SMALL_BYTES = PIECE_BYTES / 64;
const MOST_SPARE = 16;

/**
 * A pool of memory for copies of rows that are handed to another thread and returned, because the system is slow to
 * provide new memory. Only buffers of one size are pooled, at most 128 MiB of them.
 */
export class CopyMemory {
  private readonly spare: ArrayBuffer[] = [];

  /** Memory for one copy, not zeroed. */
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
