/** Clicks of one stream, oldest first: links through the index. */
interface Queue {
  first: number;
  last: number;
}

const NONE = -1;
const FIRST_ROOM = 1 << 10;
const GROWTH = 1.25;

/**
 * Clicks that may still belong to an impression, found by the impression's id: 26 to 35 bytes a click (hash chains and a queue a
 * stream through typed arrays, which grow by a quarter). A click that came twice is there twice: what is found does not depend on which came first.
 */
export class ClickIndex {
  /** Clicks in the index. */
  size = 0;
  private readonly queues: Queue[];
  /** Halves of the id's hash. */
  private low = new Uint32Array(FIRST_ROOM);
  private high = new Uint32Array(FIRST_ROOM);
  private time = new Float64Array(FIRST_ROOM);
  /** The next click of the bucket; of a free place: the next free one. */
  private chain = new Int32Array(FIRST_ROOM);
  /** The next click of the stream. */
  private after = new Int32Array(FIRST_ROOM);
  private buckets = new Int32Array(FIRST_ROOM).fill(NONE);
  private free = 0;
  /** What the host calls each; null: nothing. */
  private tags: Float64Array | null;

  /** @param streams how many streams clicks come from @param tagged 8 bytes more a click: each has a tag */
  constructor(streams: number, tagged = false) {
    this.tags = tagged ? new Float64Array(FIRST_ROOM) : null;
    this.queues = Array.from({ length: streams }, () => ({ first: NONE, last: NONE }));
    this.chainFree(0);
  }

  /** Bytes of the index. */
  get bytes(): number {
    return this.low.length * 24 + this.buckets.byteLength + (this.tags?.byteLength ?? 0);
  }

  /** Adds a click that comes behind all others of its stream. @returns whether the id was there already */
  add(stream: number, low: number, high: number, time: number, tag = 0): boolean {
    if (this.free === NONE) this.grow();
    const again = this.find(low, high) !== NONE;
    const at = this.free;
    this.free = this.chain[at];
    this.low[at] = low;
    this.high[at] = high;
    this.time[at] = time;
    this.after[at] = NONE;
    if (this.tags) this.tags[at] = tag;
    this.link(at);
    const queue = this.queues[stream];
    if (queue.last === NONE) queue.first = at;
    else this.after[queue.last] = at;
    queue.last = at;
    this.size++;
    return again;
  }

  /** Whether an id was clicked at a time from `from` to `to`. */
  has(low: number, high: number, from: number, to: number): boolean {
    for (let at = this.find(low, high); at !== NONE; at = this.same(this.chain[at], low, high)) {
      if (this.time[at] >= from && this.time[at] <= to) return true;
    }
    return false;
  }

  /** When an id was first clicked at a time from `from` to `to`; NaN: never. */
  first(low: number, high: number, from: number, to: number): number {
    let first = Number.NaN;
    for (let at = this.find(low, high); at !== NONE; at = this.same(this.chain[at], low, high)) {
      const time = this.time[at];
      if (time >= from && time <= to && !(time >= first)) first = time;
    }
    return first;
  }

  /** Tags of the clicks on an id at a time from `from` to `to`. */
  tagsOf(low: number, high: number, from: number, to: number): number[] {
    const tags: number[] = [];
    for (let at = this.find(low, high); at !== NONE; at = this.same(this.chain[at], low, high))
      if (this.time[at] >= from && this.time[at] <= to) tags.push(this.tags?.[at] ?? 0);
    return tags;
  }

  /** The first time behind another one at which an id is there; Infinity: there is none. */
  next(low: number, high: number, after: number): number {
    let next = Number.POSITIVE_INFINITY;
    for (let at = this.find(low, high); at !== NONE; at = this.same(this.chain[at], low, high)) {
      const time = this.time[at];
      if (time > after && time < next) next = time;
    }
    return next;
  }

  /** Gives up clicks from the front of a stream for as long as they are older than `floor`. @returns how many */
  evict(stream: number, floor: number): number {
    const queue = this.queues[stream];
    let count = 0;
    for (let at = queue.first; at !== NONE && this.time[at] < floor; at = queue.first) {
      queue.first = this.after[at];
      if (queue.first === NONE) queue.last = NONE;
      this.unlink(at);
      this.chain[at] = this.free;
      this.free = at;
      count++;
    }
    this.size -= count;
    return count;
  }

  private bucket(low: number): number {
    return low & (this.buckets.length - 1);
  }

  private find(low: number, high: number): number {
    return this.same(this.buckets[this.bucket(low)], low, high);
  }

  /** The first click of this id from a place in its chain on. */
  private same(from: number, low: number, high: number): number {
    let at = from;
    while (at !== NONE && (this.low[at] !== low || this.high[at] !== high)) at = this.chain[at];
    return at;
  }

  private link(at: number): void {
    const bucket = this.bucket(this.low[at]);
    this.chain[at] = this.buckets[bucket];
    this.buckets[bucket] = at;
  }

  private unlink(at: number): void {
    const bucket = this.bucket(this.low[at]);
    if (this.buckets[bucket] === at) {
      this.buckets[bucket] = this.chain[at];
      return;
    }
    let before = this.buckets[bucket];
    while (this.chain[before] !== at) before = this.chain[before];
    this.chain[before] = this.chain[at];
  }

  /** All places from `from` on are free. */
  private chainFree(from: number): void {
    const { length } = this.chain;
    for (let at = from; at < length; at++) this.chain[at] = at + 1 < length ? at + 1 : NONE;
    this.free = from;
  }

  private grow(): void {
    const used = this.low.length;
    const room = Math.ceil(used * GROWTH);
    const grown = <T extends Uint32Array | Int32Array | Float64Array>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    this.low = grown(this.low, new Uint32Array(room));
    this.high = grown(this.high, new Uint32Array(room));
    this.time = grown(this.time, new Float64Array(room));
    this.after = grown(this.after, new Int32Array(room));
    this.tags &&= grown(this.tags, new Float64Array(room));
    this.chain = new Int32Array(room);
    this.buckets = new Int32Array(2 ** Math.floor(Math.log2(room))).fill(NONE);
    this.chainFree(used);
    for (let at = 0; at < used; at++) this.link(at);
  }
}
