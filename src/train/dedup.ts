import type { StateBlock } from "../model/model.js";

const NAME = "dedup/ids";

/**
 * The ids of the last `window` events that were learned: an event whose id is among them is a duplicate (a producer's retry,
 * an upstream replay). Ids are 64-bit hashes, so two different ids collide with a chance of window / 2^64 an event.
 * Memory: 16 to 24 bytes an id.
 */
export class DedupWindow {
  private readonly ring: Uint32Array;
  /** Open addressing: place in the ring + 1, 0 = free. */
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
    this.index = new Uint32Array(slots);
    this.mask = slots - 1;
  }

  /**
   * Remembers ids, in order.
   * @returns for each 1, or 0 when it was among the last `window` ones
   */
  admit(ids: BigUint64Array): Uint8Array {
    const halves = new Uint32Array(ids.buffer, ids.byteOffset, ids.length * 2);
    const fresh = new Uint8Array(ids.length);
    for (let i = 0; i < ids.length; i++) fresh[i] = this.remember(halves[2 * i], halves[2 * i + 1]) ? 1 : 0;
    return fresh;
  }

  private remember(low: number, high: number): boolean {
    let slot = this.slotOf(low, high);
    if (this.index[slot] !== 0) return false;
    if (this.count === this.window) {
      this.forgetOldest();
      slot = this.slotOf(low, high);
    }
    const place = (this.oldest + this.count) % this.window;
    this.ring[2 * place] = low;
    this.ring[2 * place + 1] = high;
    this.index[slot] = place + 1;
    this.count++;
    return true;
  }

  /** u64[ids], oldest first. */
  block(): StateBlock {
    const ids = new Uint32Array(this.count * 2);
    for (let i = 0; i < this.count; i++) {
      const place = (this.oldest + i) % this.window;
      ids.set(this.ring.subarray(2 * place, 2 * place + 2), 2 * i);
    }
    return { name: NAME, dtype: "U64", shape: [this.count], data: new Uint8Array(ids.buffer) };
  }

  restore(blocks: ReadonlyMap<string, StateBlock>): void {
    const data = blocks.get(NAME)?.data;
    if (!data) return;
    this.admit(new BigUint64Array(data.slice().buffer));
  }

  private forgetOldest(): void {
    const place = this.oldest;
    this.free(this.slotOf(this.ring[2 * place], this.ring[2 * place + 1]));
    this.oldest = (place + 1) % this.window;
    this.count--;
  }

  /** The slot of an id, or the free one where it belongs. */
  private slotOf(low: number, high: number): number {
    let slot = this.home(low, high);
    for (let entry = this.index[slot]; entry !== 0; entry = this.index[slot]) {
      if (this.ring[2 * entry - 2] === low && this.ring[2 * entry - 1] === high) break;
      slot = (slot + 1) & this.mask;
    }
    return slot;
  }

  private home(low: number, high: number): number {
    return (Math.imul(low ^ high, 0x9e3779b1) >>> 7) & this.mask;
  }

  /** Frees a slot and moves up those behind it, so that no search ends too early. */
  private free(slot: number): void {
    let hole = slot;
    for (let next = (hole + 1) & this.mask; this.index[next] !== 0; next = (next + 1) & this.mask) {
      const entry = this.index[next];
      const home = this.home(this.ring[2 * entry - 2], this.ring[2 * entry - 1]);
      if (((next - home) & this.mask) < ((next - hole) & this.mask)) continue;
      this.index[hole] = entry;
      hole = next;
    }
    this.index[hole] = 0;
  }
}
