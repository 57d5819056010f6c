import type { Cluster } from "kafkajs";
import { systemClock, wallTime } from "../../core/clock.js";
import { HashbrookError } from "../../core/errors.js";
import type { Chunk, PartitionedLog } from "../partitioned-log.js";
import { KafkaAdmin, type Watermarks } from "./admin.js";
import { evictMember, singleAssigner } from "./assigner.js";
import { type Consumer, createKafka, kafkaFailure } from "./client.js";
import { ownFailure } from "./failure.js";
import type { TopicLogOptions } from "./kafka-log-options.js";
import { LastMessages } from "./last-messages.js";
import { offsetsLost, topicReplaced, topicReplacedAt } from "./lost.js";
import { type Batch, chunksOf, gap, type Partition } from "./partition.js";

/** Message bytes that may be at hand in all, and of one partition at least; beyond, it is paused until half are used. */
const ROOM = 64 << 20;
const LEAST_ROOM = 1 << 20;
const MOST_ROOM = 4 << 20;
/**
 * The broker answers a fetch when it has so many bytes, or after so long: events in ones and twos would cost a request each,
 * thousands a second.
 */
const MIN_BYTES = 64 << 10;
const MAX_WAIT_MS = 25;
/** Fetches are answered every MAX_WAIT_MS: without an answer for so long, nothing can be read. */
const QUIET_MS = 5_000;
/** Without any answer for so long, the connection is made anew. */
const SILENCE_MS = 45_000;
const RETRY_MS = 1_000;
/** What no waiting mends. */
const fatal: ReadonlySet<string> = new Set(["kafka_auth", "kafka_topic_missing", "offsets_lost", "stream_changed"]);

/**
 * A Kafka topic as a partitioned log, on kafkajs. All of a group's partitions go to one member. Where reading starts and goes
 * on is never the broker's word: every batch is compared with the offset wanted next, and the consumer is sent back where
 * they differ (after a rebalance, a reset, a reconnection).
 */
export class KafkaLog implements PartitionedLog {
  readonly topic: string;
  private readonly options: TopicLogOptions;
  private readonly admin: KafkaAdmin;
  private readonly parts: readonly Partition[];
  private readonly room: number;
  private readonly learned: LastMessages;
  private readonly joined = wallTime();
  private consumer: Consumer | null = null;
  private activeSince = 0;
  private heardAt = systemClock.now();
  private reason: string | null = "connecting";
  private failure: HashbrookError | null = null;
  private closed = false;
  private lost = 0;
  /** The name this process has, or had, in the group. */
  private member: string | null;
  private wake = () => {};
  private watchdog: NodeJS.Timeout | null = null;

  private constructor(options: TopicLogOptions, admin: KafkaAdmin, marks: readonly Watermarks[]) {
    this.options = options;
    this.topic = options.topic;
    this.admin = admin;
    this.member = options.formerMember;
    this.learned = new LastMessages(options.last);
    this.room = Math.max(LEAST_ROOM, Math.min(MOST_ROOM, ROOM / marks.length));
    this.parts = marks.map(({ high }, p) => {
      const next = options.offsets[p];
      return { chunks: [], bytes: 0, paused: false, next, end: high, high };
    });
  }

  /** @throws HashbrookError kafka_unreachable, kafka_auth, kafka_topic_missing, offsets_lost, stream_changed */
  static async open(options: TopicLogOptions): Promise<KafkaLog> {
    const admin = await KafkaAdmin.open(options.kafka);
    try {
      const marks = await admin.watermarks(options.topic);
      const log = new KafkaLog(options, admin, marks);
      marks.forEach((mark, p) => {
        const { next } = log.parts[p];
        if (next > mark.high) throw topicReplaced(options.topic, p, next, mark.high);
        if (next < mark.low) log.jump(p, mark);
        else log.parts[p].next = log.learned.begin(p, next, mark.low);
      });
      await log.connect();
      log.watchdog = setInterval(() => log.watch(), RETRY_MS);
      return log;
    } catch (error) {
      await admin.close();
      throw error;
    }
  }

  get partitions(): number {
    return this.parts.length;
  }

  get state(): { ready: boolean; reason: string | null } {
    return { ready: this.reason === null, reason: this.reason };
  }

  head(partition: number): Chunk | undefined {
    return this.learned.pending ? undefined : this.parts[partition].chunks[0];
  }

  shift(partition: number): void {
    const part = this.parts[partition];
    const chunk = part.chunks.shift();
    part.bytes -= chunk?.bytes ?? 0;
    if (!part.paused || part.bytes > this.room / 2) return;
    part.paused = false;
    this.consumer?.resume([{ topic: this.topic, partitions: [partition] }]);
  }

  idle(partition: number, next: bigint): boolean {
    const { chunks, end } = this.parts[partition];
    return !this.learned.pending && chunks.length === 0 && end <= next;
  }

  get losses(): number {
    return this.lost;
  }

  end(partition: number): bigint {
    return this.parts[partition].high;
  }

  async wait(milliseconds: number): Promise<void> {
    if (this.failure) throw this.failure;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    if (this.failure) throw this.failure;
  }

  async commit(offsets: readonly bigint[]): Promise<void> {
    const { topic } = this;
    if (this.activeSince === 0) return;
    await this.consumer
      ?.commitOffsets(offsets.map((offset, partition) => ({ topic, partition, offset: String(offset) })))
      .catch(() => {}); // the next commit tells the same and more
  }

  async close(): Promise<void> {
    this.closed = true;
    if (this.watchdog) clearInterval(this.watchdog);
    await this.consumer?.disconnect().catch(() => {});
    await this.admin.close().catch(() => {});
  }

  /** The messages wanted next are gone; the one that was to be compared may be. */
  private jump(partition: number, { low, high }: Watermarks): void {
    const part = this.parts[partition];
    const { onLost, topic } = this.options;
    part.next = this.learned.release(partition) ?? part.next;
    if (part.next >= low) return;
    if (onLost === "stop") throw offsetsLost(topic, partition, part.next, low);
    this.lost++;
    part.next = onLost === "earliest" ? low : high;
    part.chunks.push(gap(part.next));
  }

  private async connect(): Promise<void> {
    const { kafka, group } = this.options;
    const standing = () => ({ activeSince: this.activeSince, joined: this.joined });
    let cluster: Cluster | null = null;
    const consumer = createKafka(kafka).kafka.consumer({
      groupId: group,
      partitionAssigners: [singleAssigner(standing, (found) => (cluster = found))],
      minBytes: MIN_BYTES,
      maxWaitTimeInMs: MAX_WAIT_MS,
      maxBytesPerPartition: 1 << 20,
      maxBytes: 16 << 20,
      retry: { retries: 8, restartOnFailure: async () => false },
    });
    this.consumer = consumer;
    const { events } = consumer;
    consumer.on(events.GROUP_JOIN, ({ payload }) => this.join(consumer, payload));
    consumer.on(events.FETCH, () => this.hear());
    consumer.on(events.CRASH, ({ payload }) => this.crashed(consumer, payload.error));
    try {
      await consumer.connect();
      if (this.member && cluster) await evictMember(cluster, group, this.member);
      await consumer.subscribe({ topics: [this.topic], fromBeginning: true });
      await consumer.run({
        autoCommit: false,
        partitionsConsumedConcurrently: this.parts.length,
        eachBatch: async ({ batch }) => this.accept(consumer, batch as Batch),
      });
    } catch (error) {
      await consumer.disconnect().catch(() => {});
      throw kafkaFailure(error, `topic ${this.topic}`);
    }
  }

  private join(consumer: Consumer, payload: { memberId: string; memberAssignment: Record<string, number[]> }): void {
    this.member = payload.memberId;
    this.options.onJoin(payload.memberId);
    const mine = payload.memberAssignment[this.topic] ?? [];
    this.hear();
    if (mine.length === 0) {
      this.activeSince = 0;
      this.reason = `standing by: another trainer of group ${this.options.group} is at work`;
      return;
    }
    if (this.activeSince === 0) this.activeSince = wallTime();
    for (const partition of mine) if (partition < this.parts.length) this.sendBack(consumer, partition);
  }

  private sendBack(consumer: Consumer, partition: number): void {
    consumer.seek({ topic: this.topic, partition, offset: String(this.parts[partition].next) });
  }

  private hear(): void {
    this.heardAt = systemClock.now();
    if (this.activeSince > 0) this.reason = null;
  }

  private accept(consumer: Consumer, batch: Batch): void {
    const part = this.parts[batch.partition];
    if (!part || consumer !== this.consumer) return;
    if (BigInt(batch.fetchedOffset) !== part.next) {
      this.displaced(consumer, batch);
      return;
    }
    const next = BigInt(batch.lastOffset()) + 1n;
    part.end = BigInt(batch.end);
    part.high = BigInt(batch.highWatermark);
    if (next <= part.next) {
      if (part.end <= part.next) this.learned.release(batch.partition);
      this.wake();
      return;
    }
    const chunks = chunksOf(batch, next);
    const other = this.learned.contradiction(batch.partition, chunks);
    if (other !== null) {
      this.fail(topicReplacedAt(this.topic, batch.partition, other));
      return;
    }
    part.chunks.push(...chunks);
    part.bytes += chunks.reduce((sum, { bytes }) => sum + bytes, 0);
    part.next = next;
    if (part.bytes > this.room && !part.paused) {
      part.paused = true;
      consumer.pause([{ topic: this.topic, partitions: [batch.partition] }]);
    }
    this.wake();
  }

  /**
   * The consumer is not where it should be: back, unless what was wanted is gone. Before it stands only a consumer that was told
   * that there is no such offset, not even as the next one: the topic is another one.
   */
  private displaced(consumer: Consumer, { partition, fetchedOffset, highWatermark }: Batch): void {
    const part = this.parts[partition];
    this.admin
      .watermarks(this.topic)
      .then((marks) => {
        if (part.next < marks[partition].low) this.jump(partition, marks[partition]);
        else if (BigInt(fetchedOffset) < part.next)
          throw topicReplaced(this.topic, partition, part.next, BigInt(highWatermark));
        this.sendBack(consumer, partition);
      })
      .catch((error) => {
        if (error instanceof HashbrookError && fatal.has(error.code)) this.fail(error);
        else this.sendBack(consumer, partition);
      });
  }

  private crashed(consumer: Consumer, cause: unknown): void {
    if (consumer !== this.consumer || this.closed) return;
    const failure = kafkaFailure(cause, `topic ${this.topic}`);
    this.reason = failure.message;
    if (fatal.has(failure.code) || failure === ownFailure(cause)) this.fail(failure);
    else this.reconnect();
  }

  private fail(failure: HashbrookError): void {
    this.failure = failure;
    this.reason = failure.message;
    this.wake();
  }

  private watch(): void {
    const paused = this.parts.every((part) => part.paused);
    if (paused || this.activeSince === 0) this.heardAt = systemClock.now();
    const silent = systemClock.now() - this.heardAt;
    if (silent > QUIET_MS) this.reason = `no answer from the brokers for ${Math.round(silent / 1000)} s`;
    if (silent > SILENCE_MS) this.reconnect();
  }

  private reconnect(): void {
    const former = this.consumer;
    this.consumer = null;
    this.heardAt = systemClock.now();
    for (const part of this.parts) part.paused = false;
    const again = () => {
      if (this.closed || this.consumer !== null) return;
      this.connect().catch((error) => {
        this.consumer = null;
        this.reason = (error as Error).message;
        if (error instanceof HashbrookError && error.code === "kafka_auth") {
          this.fail(error);
          return;
        }
        setTimeout(again, RETRY_MS);
      });
    };
    (former?.disconnect() ?? Promise.resolve()).catch(() => {}).finally(() => setTimeout(again, RETRY_MS));
  }
}
