import { type Batch, copyRows, keepRows } from "../core/batch.js";
import { type Block, bytesOf, type SavedBlocks, savedBytes } from "../core/blocks.js";
import { hashSecret } from "../core/chance.js";
import type { Job } from "./job.js";
import type { Resumed } from "./resume.js";

/** The name of its block in a checkpoint. */
export const DEDUP = "dedup/ids";

/**
 * The ids of the last `window` learned events: an event whose id is among them is a duplicate (a producer's retry, an
 * upstream replay). Ids are 64-bit hashes, so two different ids collide with a probability of window / 2^64 per event.
 * Memory: 24 to 40 bytes per id.
 */
export class DedupWindow {
  private readonly ring: Uint32Array;
  /** Part of the hash for positions in the index, so that colliding ids cannot be constructed. */
  private readonly secret = { low: Number(hashSecret() & 0xffffffffn) | 0, high: Number(hashSecret() >> 32n) | 0 };
  /**
   * Open addressing, with two words per slot: position in the ring + 1 (0 = free), and the id's lower half, so that a
   * search does not leave the index.
   */
  private readonly index: Uint32Array;
  private readonly mask: number;
  private readonly window: number;
  private oldest = 0;
  private count = 0;

  /** @param window events, 1 to 2^30 */
  constructor(window: number) {
    const slots = 2 ** Math.ceil(Math.log2(window * 2));
    this.window = window;
    this.ring = new Uint32Array(window * 2);
    this.index = new Uint32Array(slots * 2);
    this.mask = slots - 1;
  }

  /**
   * The events of a batch that are not duplicates; they are added to the window.
   * @param shared the batch's memory has other readers: the remaining rows are copied
   */
  rest(batch: Batch, shared = false): Batch {
    const keep = this.admit(batch.ids);
    if (!keep.includes(0)) return batch;
    const own = shared ? copyRows(batch, 0, batch.rows, new ArrayBuffer(batch.layout.bytes)) : batch;
    return keepRows(own, keep);
  }

  /**
   * The rows of a batch to learn, as `rest`. Corrections at its end repeat ids; their duplicates were removed when they
   * were read.
   * @param corrections number of rows at its end
   */
  learned(batch: Batch, corrections: number | undefined, shared: boolean): Batch {
    if (corrections === undefined) return this.rest(batch, shared);
    this.admit(batch.ids.subarray(0, batch.rows - corrections));
    return batch;
  }

  /**
   * Adds ids to the window, in order.
   * @returns 1 for each, or 0 if it was among the last `window` ones
   */
  admit(ids: BigUint64Array): Uint8Array {
    const halves = new Uint32Array(ids.buffer, ids.byteOffset, ids.length * 2);
    const fresh = new Uint8Array(ids.length);
    for (let i = 0; i < ids.length; i++) fresh[i] = this.remember(halves[2 * i], halves[2 * i + 1]) ? 1 : 0;
    return fresh;
  }

  private remember(low: number, high: number): boolean {
    let slot = this.slotOf(low, high);
    if (this.index[2 * slot] !== 0) return false;
    if (this.count === this.window) {
      this.forgetOldest();
      slot = this.slotOf(low, high);
    }
    const place = (this.oldest + this.count) % this.window;
    this.ring[2 * place] = low;
    this.ring[2 * place + 1] = high;
    this.index[2 * slot] = place + 1;
    this.index[2 * slot + 1] = low;
    this.count++;
    return true;
  }

  /** u64[ids], oldest first. */
  block(): Block {
    const { ring, window, oldest, count } = this;
    const ids = new Uint32Array(count * 2);
    const unbroken = Math.min(count, window - oldest);
    ids.set(ring.subarray(2 * oldest, 2 * (oldest + unbroken)));
    ids.set(ring.subarray(0, 2 * (count - unbroken)), 2 * unbroken);
    return { name: DEDUP, dtype: "U64", shape: [this.count], data: bytesOf(ids) };
  }

  restore(blocks: SavedBlocks): void {
    if (blocks.has(DEDUP)) this.admit(new BigUint64Array(savedBytes(blocks, DEDUP, { each: 8 }).slice().buffer));
  }

  /** Number of slots read to find an id, or to see that it is absent. */
  steps(id: bigint): number {
    const [low, high] = new Uint32Array(BigUint64Array.of(id).buffer);
    return ((this.slotOf(low, high) - this.home(low, high)) & this.mask) + 1;
  }

  private forgetOldest(): void {
    const place = this.oldest;
    this.free(this.slotOf(this.ring[2 * place], this.ring[2 * place + 1]));
    this.oldest = (place + 1) % this.window;
    this.count--;
  }

  /** The slot of an id, or the free one where it would go. */
  private slotOf(low: number, high: number): number {
    const { index, ring, mask } = this;
    let slot = this.home(low, high);
    for (let entry = index[2 * slot]; entry !== 0; entry = index[2 * slot]) {
      if (index[2 * slot + 1] === low && ring[2 * entry - 1] === high) break;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  private home(low: number, high: number): number {
    let mixed = Math.imul(low ^ this.secret.low, 0x9e3779b1) ^ Math.imul(high ^ this.secret.high, 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
    mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39);
    return (mixed ^ (mixed >>> 15)) & this.mask;
  }

  /** Frees a slot and moves later ones up, so that no search ends too early. */
  private free(slot: number): void {
    const { index, mask } = this;
    let hole = slot;
    for (let next = (hole + 1) & mask; index[2 * next] !== 0; next = (next + 1) & mask) {
      const home = this.home(index[2 * next + 1], this.ring[2 * index[2 * next] - 1]);
      if (((next - home) & mask) < ((next - hole) & mask)) continue;
      index[2 * hole] = index[2 * next];
      index[2 * hole + 1] = index[2 * next + 1];
      hole = next;
    }
    index[2 * hole] = 0;
  }
}

/** A run's window, as its checkpoint left it; null if it does not look for duplicates. */
export function dedupOf({ spec, topic }: Job, resumed: Resumed): DedupWindow | null {
  const { id_window } = spec.label;
  // Messages are repeated by retries and replays upstream; files are not.
  if (id_window === undefined || !topic || spec.lanes) return null;
  const window = new DedupWindow(id_window);
  if (resumed) window.restore(resumed.blocks);
  return window;
}
