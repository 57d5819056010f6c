import { ln } from "../../metrics/kernel.js";

/** Most ids that are counted; beyond that, every second one is dropped, as often as necessary. */
export const MOST_KEYS = 1 << 21;
const LEAST_SLOTS = 1 << 10;

/** The counts of an id. */
export interface KeyCount {
  readonly occurrences: number;
  /** The number of the first event with it. */
  readonly first: number;
}

/**
 * How often each 64-bit key occurred, when first, and with which labels. Memory is bounded: once there are more than `most`
 * keys, only those whose hash begins with enough zeros are kept (adaptive sampling, Flajolet 1990); keys are hashes, so the
 * rest is a fair sample, and sums over it times `scale` estimate the sums over all.
 */
export class KeyCounts {
  private low: Uint32Array<ArrayBuffer>;
  private high: Uint32Array<ArrayBuffer>;
  private count: Uint32Array<ArrayBuffer>;
  private positive: Float32Array<ArrayBuffer>;
  private first: Float64Array<ArrayBuffer>;
  /** The last batch a key occurred in. */
  private batch: Uint32Array<ArrayBuffer>;
  private batches = 0;
  private inBatch = 0;
  private mostInBatch = 0;
  private readonly most: number;
  private level = 0;
  private kept = 0;
  private gained = 0;

  constructor(most: number = MOST_KEYS) {
    this.most = most;
    this.low = new Uint32Array(LEAST_SLOTS);
    this.high = new Uint32Array(LEAST_SLOTS);
    this.count = new Uint32Array(LEAST_SLOTS);
    this.positive = new Float32Array(LEAST_SLOTS);
    this.first = new Float64Array(LEAST_SLOTS);
    this.batch = new Uint32Array(LEAST_SLOTS);
  }

  /** Starts another batch. */
  nextBatch(): void {
    this.batches++;
    this.inBatch = 0;
  }

  /** Largest number of distinct keys in a batch. */
  get batchDistinct(): number {
    return this.mostInBatch * this.scale;
  }

  /** How many keys each kept one represents. */
  get scale(): number {
    return 2 ** this.level;
  }

  /** Number of distinct keys; an estimate once some were dropped. */
  get distinct(): number {
    return this.kept * this.scale;
  }

  /**
   * Information about the labels from the keys, in nats: how much better each event's label is predicted by earlier events of
   * its key than by the overall rate. A rate from few events is shrunk towards the overall one, and a key's first event gains
   * nothing, so ids that never recur provide none.
   */
  get gain(): number {
    return this.gained * this.scale;
  }

  /**
   * Counts an occurrence.
   * @param low,high the key's halves
   * @param row the event's number
   * @param base the share of positives before it
   * @param prior number of events that `base` counts as
   */
  add(low: number, high: number, row: number, label: number, base: number, prior: number): void {
    if (this.level > 0 && high >>> (32 - this.level) !== 0) return;
    const slot = this.slotOf(low, high);
    const n = this.count[slot];
    if (n === 0 || this.batch[slot] !== this.batches) this.mostInBatch = Math.max(this.mostInBatch, ++this.inBatch);
    if (n === 0) {
      this.insert(slot, low, high, 1, label, row);
      return;
    }
    this.batch[slot] = this.batches;
    const p = (this.positive[slot] + prior * base) / (n + prior);
    if (label > 0) this.gained += label * ln(p / base);
    if (label < 1) this.gained += (1 - label) * ln((1 - p) / (1 - base));
    this.count[slot] = n + 1;
    this.positive[slot] += label;
  }

  /** Adds another's keys, without information gain. */
  merge(other: KeyCounts): void {
    while (this.level < other.level) this.thin();
    for (let i = 0; i < other.count.length; i++) {
      const n = other.count[i];
      const high = other.high[i];
      if (n === 0 || (this.level > 0 && high >>> (32 - this.level) !== 0)) continue;
      const slot = this.slotOf(other.low[i], high);
      if (this.count[slot] === 0) {
        this.insert(slot, other.low[i], high, n, other.positive[i], other.first[i]);
        continue;
      }
      this.count[slot] += n;
      this.positive[slot] += other.positive[i];
      this.first[slot] = Math.min(this.first[slot], other.first[i]);
    }
  }

  /** The keys kept. */
  *counts(): Iterable<KeyCount> {
    for (let i = 0; i < this.count.length; i++)
      if (this.count[i] > 0) yield { occurrences: this.count[i], first: this.first[i] };
  }

  private slotOf(low: number, high: number): number {
    const mask = this.count.length - 1;
    let slot = (low ^ (high << 7)) & mask;
    while (this.count[slot] !== 0 && (this.low[slot] !== low || this.high[slot] !== high)) slot = (slot + 1) & mask;
    return slot;
  }

  private insert(slot: number, low: number, high: number, n: number, positive: number, first: number): void {
    this.low[slot] = low;
    this.high[slot] = high;
    this.count[slot] = n;
    this.positive[slot] = positive;
    this.first[slot] = first;
    this.batch[slot] = this.batches;
    if (++this.kept > this.most) this.thin();
    else if (this.kept * 2 > this.count.length) this.resize(this.count.length * 2);
  }

  /** Drops every second key. */
  private thin(): void {
    this.level++;
    this.gained /= 2;
    this.inBatch /= 2;
    this.mostInBatch /= 2;
    this.resize(this.count.length);
  }

  private resize(slots: number): void {
    const { low, high, count, positive, first, batch } = this;
    this.low = new Uint32Array(slots);
    this.high = new Uint32Array(slots);
    this.count = new Uint32Array(slots);
    this.positive = new Float32Array(slots);
    this.first = new Float64Array(slots);
    this.batch = new Uint32Array(slots);
    this.kept = 0;
    for (let i = 0; i < count.length; i++) {
      if (count[i] === 0 || (this.level > 0 && high[i] >>> (32 - this.level) !== 0)) continue;
      const slot = this.slotOf(low[i], high[i]);
      this.low[slot] = low[i];
      this.high[slot] = high[i];
      this.count[slot] = count[i];
      this.positive[slot] = positive[i];
      this.first[slot] = first[i];
      this.batch[slot] = batch[i];
      this.kept++;
    }
  }
}
