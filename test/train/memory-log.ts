import { gather, type Message } from "../../src/sources/messages.js";
import type { Chunk, PartitionedLog } from "../../src/sources/partitioned-log.js";

/** A partitioned log in memory: messages are appended to it, and delivered chunk by chunk as the test decides. */
export class MemoryLog implements PartitionedLog {
  readonly topic = "events";
  readonly partitions: number;
  losses = 0;
  /** The error of the next read. */
  failure: Error | null = null;
  readonly state = { ready: true, reason: null };
  private readonly all: Message[][];
  private readonly delivered: Chunk[][];
  private readonly next: bigint[];
  private readonly times: number[];
  private readonly now: () => number;

  /** @param now the clock that dates deliveries */
  constructor(partitions: number, offsets: readonly string[] = [], now = () => 0) {
    this.now = now;
    this.times = Array.from({ length: partitions }, () => Number.NEGATIVE_INFINITY);
    this.partitions = partitions;
    this.all = Array.from({ length: partitions }, () => []);
    this.delivered = Array.from({ length: partitions }, () => []);
    this.next = Array.from({ length: partitions }, (_, p) => BigInt(offsets[p] ?? 0));
  }

  /** @param gap offsets skipped before it, as by compaction */
  append(partition: number, text: string | Buffer, gap = 0): void {
    const messages = this.all[partition];
    const offset = messages.length > 0 ? messages.at(-1)!.offset + 1 : 0;
    messages.push({ offset: offset + gap, value: Buffer.from(text as string), time: 1_700_000_000_000 });
  }

  /** Delivers at most `count` more messages of a partition. */
  deliver(partition: number, count = Number.POSITIVE_INFINITY): boolean {
    const rest = this.all[partition].filter(({ offset }) => offset >= this.next[partition]).slice(0, count);
    if (rest.length === 0) return false;
    this.next[partition] = BigInt(rest.at(-1)!.offset) + 1n;
    this.times[partition] = this.now();
    this.delivered[partition].push({ messages: gather(rest), bytes: 0, next: this.next[partition] });
    return true;
  }

  /** Delivers `count` offsets without messages, as of transaction markers. */
  deliverGap(partition: number, count: number): void {
    this.next[partition] += BigInt(count);
    this.delivered[partition].push({ messages: gather([]), bytes: 0, next: this.next[partition] });
  }

  head(partition: number): Chunk | undefined {
    return this.delivered[partition][0];
  }

  shift(partition: number): void {
    this.delivered[partition].shift();
  }

  /** Delivers again all messages from this offset on. */
  rewind(partition: number, offset: bigint): void {
    this.delivered[partition] = [];
    this.next[partition] = offset;
    this.deliver(partition);
  }

  idle(partition: number, next: bigint): boolean {
    return this.delivered[partition].length === 0 && (this.failed || this.end(partition) <= next);
  }

  heardMs(partition: number): number {
    return this.times[partition];
  }

  get failed(): boolean {
    return this.failure !== null;
  }

  end(partition: number): bigint {
    const last = this.all[partition].at(-1);
    return last ? BigInt(last.offset) + 1n : 0n;
  }

  async wait(): Promise<void> {
    if (this.failure) throw this.failure;
    for (let p = 0; p < this.partitions; p++) this.deliver(p);
  }

  async commit(): Promise<void> {}
  async close(): Promise<void> {}
}
