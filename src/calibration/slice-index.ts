/** Maps keys to slices: number 0 is that of all events, also for values without one of their own. */
export class SliceIndex {
  private readonly most: number;
  private readonly mask: number;
  private readonly slots: Uint16Array;
  /** u32[2 × slices], low half first: keys in the order they came. */
  private readonly halves: Uint32Array;
  /** Number of slices of values. */
  size = 0;

  /** @param most largest number of slices of values */
  constructor(most: number) {
    const room = 2 ** Math.ceil(Math.log2(2 * most + 2));
    this.most = most;
    this.mask = room - 1;
    this.slots = new Uint16Array(room);
    this.halves = new Uint32Array(2 * most);
  }

  /** The slice of a key given as two halves; with `add` a new one if there is room. */
  find(low: number, high: number, add: boolean): number {
    const { halves, slots, mask } = this;
    for (let at = (low ^ high) & mask; ; at = (at + 1) & mask) {
      const slice = slots[at];
      if (slice === 0) return add && this.size < this.most ? this.put(at, low, high) : 0;
      if (halves[2 * slice - 2] === low && halves[2 * slice - 1] === high) return slice;
    }
  }

  /** True if no further key can get a slice. */
  get full(): boolean {
    return this.size === this.most;
  }

  /** The keys, in the order they came. */
  get keys(): BigUint64Array<ArrayBuffer> {
    return new BigUint64Array(this.halves.slice(0, 2 * this.size).buffer);
  }

  /** Replaces its content by these keys. */
  restore(keys: BigUint64Array): void {
    this.slots.fill(0);
    this.size = 0;
    const halves = new Uint32Array(keys.buffer, keys.byteOffset, 2 * keys.length);
    for (let i = 0; i < halves.length; i += 2) this.find(halves[i], halves[i + 1], true);
  }

  private put(at: number, low: number, high: number): number {
    this.halves.set([low, high], 2 * this.size);
    this.slots[at] = ++this.size;
    return this.size;
  }
}
