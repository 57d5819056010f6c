import { TimeTrees } from "./time-trees.js";

/** Clicks of one stream, oldest first: a linked list through the index. */
interface Queue {
  first: number;
  last: number;
}

const NONE = -1;
const FIRST_ROOM = 1 << 10;
const GROWTH = 1.25;

/**
 * Clicks that may still belong to an impression, found by the impression's id: 34 to 45 bytes per click (hash chains of
 * ids, a tree by time for each, and a queue per stream, all in typed arrays that grow by a quarter). A repeated click
 * is stored twice, so results do not depend on which came first.
 */
export class ClickIndex {
  /** Clicks in the index. */
  size = 0;
  private readonly queues: Queue[];
  /** Halves of the id's hash. */
  private low = new Uint32Array(FIRST_ROOM);
  private high = new Uint32Array(FIRST_ROOM);
  private readonly trees: TimeTrees;
  /** For the root of an id's clicks: the root of the next id in the bucket; for a free slot: the next free one. */
  private chain = new Int32Array(FIRST_ROOM);
  /** The next click of the stream. */
  private after = new Int32Array(FIRST_ROOM);
  private buckets = new Int32Array(FIRST_ROOM).fill(NONE);
  private free = 0;
  /** The host's tag for each; null: none. */
  private tags: Float64Array | null;
  private looked = 0;

  /**
   * @param streams number of streams that clicks come from
   * @param tagged each click has a tag that can be claimed (9 more bytes per click)
   */
  constructor(streams: number, tagged = false) {
    this.trees = new TimeTrees(FIRST_ROOM, tagged);
    this.tags = tagged ? new Float64Array(FIRST_ROOM) : null;
    this.queues = Array.from({ length: streams }, () => ({ first: NONE, last: NONE }));
    this.chainFree(0);
  }

  /** Bytes of the index. */
  get bytes(): number {
    return this.low.length * 16 + this.trees.bytes + this.buckets.byteLength + (this.tags?.byteLength ?? 0);
  }

  /** Slots visited so far: the cost of all queries. */
  get steps(): number {
    return this.looked + this.trees.steps;
  }

  /** Adds a click that is the newest in its stream. @returns whether the id was present already */
  add(stream: number, low: number, high: number, time: number, tag = 0): boolean {
    if (this.free === NONE) this.grow();
    const at = this.free;
    this.free = this.chain[at];
    this.low[at] = low;
    this.high[at] = high;
    this.after[at] = NONE;
    if (this.tags) this.tags[at] = tag;
    const root = this.find(low, high);
    this.replace(root, this.trees.insert(root, at, time));
    const queue = this.queues[stream];
    if (queue.last === NONE) queue.first = at;
    else this.after[queue.last] = at;
    queue.last = at;
    this.size++;
    return root !== NONE;
  }

  /** Whether an id was clicked between times `from` and `to`. */
  has(low: number, high: number, from: number, to: number): boolean {
    return this.timeFrom(low, high, from) <= to;
  }

  /** When an id was first clicked between times `from` and `to`; NaN: never. */
  first(low: number, high: number, from: number, to: number): number {
    const time = this.timeFrom(low, high, from);
    return time <= to ? time : Number.NaN;
  }

  /**
   * Reports the tags of the clicks on an id between times `from` and `to` that were not reported before; each costs its
   * depth only once.
   */
  claim(low: number, high: number, span: readonly [from: number, to: number], tell: (tag: number) => void): void {
    const { tags } = this;
    if (tags) this.trees.unmark(this.find(low, high), span, (at) => tell(tags[at]));
  }

  /** The first time after another one at which an id occurs; Infinity: there is none. */
  next(low: number, high: number, after: number): number {
    return this.timeFrom(low, high, after, true);
  }

  /** Removes clicks from the front of a stream while they are older than `floor`. @returns how many */
  evict(stream: number, floor: number): number {
    const queue = this.queues[stream];
    let count = 0;
    for (let at = queue.first; at !== NONE && this.trees.time(at) < floor; at = queue.first) {
      queue.first = this.after[at];
      if (queue.first === NONE) queue.last = NONE;
      const root = this.find(this.low[at], this.high[at]);
      this.replace(root, this.trees.remove(root, at));
      this.chain[at] = this.free;
      this.free = at;
      count++;
    }
    this.size -= count;
    return count;
  }

  /** The first time at or after `from` (strictly after, if asked) at which an id occurs; Infinity: there is none. */
  private timeFrom(low: number, high: number, from: number, strictly = false): number {
    const at = this.trees.firstFrom(this.find(low, high), from, strictly);
    return at === NONE ? Number.POSITIVE_INFINITY : this.trees.time(at);
  }

  private bucket(low: number): number {
    return low & (this.buckets.length - 1);
  }

  /** The root of an id's clicks. */
  private find(low: number, high: number): number {
    let at = this.buckets[this.bucket(low)];
    for (; at !== NONE && (this.low[at] !== low || this.high[at] !== high); at = this.chain[at]) this.looked++;
    return at;
  }

  /** Replaces the root of an id's clicks; NONE: there was none, or is none any more. */
  private replace(before: number, root: number): void {
    if (before === NONE) this.link(root);
    if (before === root || before === NONE) return;
    const rest = this.chain[before];
    if (root !== NONE) this.chain[root] = rest;
    const bucket = this.bucket(this.low[before]);
    const next = root === NONE ? rest : root;
    if (this.buckets[bucket] === before) {
      this.buckets[bucket] = next;
      return;
    }
    let other = this.buckets[bucket];
    for (; this.chain[other] !== before; other = this.chain[other]) this.looked++;
    this.chain[other] = next;
  }

  private link(root: number): void {
    const bucket = this.bucket(this.low[root]);
    this.chain[root] = this.buckets[bucket];
    this.buckets[bucket] = root;
  }

  /** Puts all slots from `from` on into the free list. */
  private chainFree(from: number): void {
    const { length } = this.chain;
    for (let at = from; at < length; at++) this.chain[at] = at + 1 < length ? at + 1 : NONE;
    this.free = from;
  }

  /** Called when all slots are in use. */
  private grow(): void {
    const used = this.low.length;
    const room = Math.ceil(used * GROWTH);
    const grown = <T extends Uint32Array | Int32Array | Float64Array>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    this.low = grown(this.low, new Uint32Array(room));
    this.high = grown(this.high, new Uint32Array(room));
    this.after = grown(this.after, new Int32Array(room));
    this.tags &&= grown(this.tags, new Float64Array(room));
    this.trees.grow(room);
    const { chain, buckets } = this;
    this.chain = new Int32Array(room);
    this.buckets = new Int32Array(2 ** Math.floor(Math.log2(room))).fill(NONE);
    this.chainFree(used);
    for (const first of buckets) for (let root = first; root !== NONE; root = chain[root]) this.link(root);
  }
}
