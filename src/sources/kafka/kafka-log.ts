import { systemClock } from "../../core/clock.js";
import type { HashbrookError } from "../../core/errors.js";
import type { MessagePrint } from "../messages.js";
import type { Chunk, PartitionedLog } from "../partitioned-log.js";
import { KafkaAdmin, type Watermarks } from "./admin.js";
import { kafkaFailure } from "./client.js";
import type { TopicCluster } from "./cluster.js";
import type { Reader, TopicConsumer } from "./consumer.js";
import { GroupConsumer, isFatal } from "./group-consumer.js";
import type { KafkaLogOptions } from "./kafka-log-options.js";
import { LastMessages } from "./last-messages.js";
import { batchDamaged, offsetsLost, topicReplaced, topicReplacedAnew, topicReplacedAt } from "./lost.js";
import { openCluster } from "./open-cluster.js";
import { chunksOf, gap, type Partition, type PartitionBatch, partitionAt } from "./partition.js";
import { PlainConsumer } from "./plain-consumer.js";
import { Waiters } from "./waiters.js";

/**
 * Bytes of unprocessed messages in total, divided among partitions; a partition beyond its share is paused until half
 * of it is used.
 */
const ROOM = 64 << 20;
const LEAST_ROOM = 1 << 20;
const MOST_ROOM = 4 << 20;
/** How often the topic's id and number of partitions are requested, and the ends of partitions that are not read. */
const LOOK_MS = 1_000;

/**
 * A Kafka topic as a partitioned log. All of a group's partitions go to one member. The broker does not decide where
 * reading starts and continues: every batch is compared with the offset wanted next, and the consumer seeks back if
 * they differ (after a rebalance, a reset, a reconnection).
 */
export class KafkaLog implements PartitionedLog {
  readonly topic: string;
  readonly admin: KafkaAdmin;
  /** Number of partitions when reading was set up; partitions added later are not read. */
  readonly partitions: number;
  private readonly options: KafkaLogOptions;
  private readonly cluster: TopicCluster;
  private readonly consumer: TopicConsumer;
  private readonly watch: NodeJS.Timeout;
  /** The topic's id, which distinguishes it from another one of the same name; null if the brokers report none. */
  id: string | null = null;
  /** Empty until reading begins. */
  private parts: readonly Partition[] = [];
  /** Read although `only` leaves them out. */
  private readonly included = new Set<number>();
  private readonly room: number;
  private learned = new LastMessages([]);
  private failure: HashbrookError | null = null;
  private lost = 0;
  /** Partitions that the topic has beyond those that are read. */
  private added = 0;
  /** Callers of `wait`. */
  private readonly waiting = new Waiters();

  private constructor(options: KafkaLogOptions, admin: KafkaAdmin, cluster: TopicCluster, partitions: number) {
    this.options = options;
    this.cluster = cluster;
    this.topic = options.topic;
    this.admin = admin;
    this.partitions = partitions;
    this.room = Math.max(LEAST_ROOM, Math.min(MOST_ROOM, ROOM / partitions));
    const reader: Reader = {
      next: (partition) => (this.isRead(partition) ? this.parts[partition]?.next : undefined),
      accept: (batch) => this.accept(batch),
      full: () => this.parts.every((part) => part.paused),
      renewed: () => {
        for (const part of this.parts) part.paused = false;
      },
      outOfRange: (partition) => this.recover(partition, null),
      failed: (failure) => this.fail(failure),
    };
    const { group, topic } = options;
    this.consumer =
      group === null
        ? new PlainConsumer(topic, cluster, partitions, reader)
        : new GroupConsumer(options, group, partitions, reader);
    this.watch = setInterval(() => {
      this.lookAtId().catch(() => {});
      if (options.asksEnds) this.lookAtEnds().catch(() => {});
    }, LOOK_MS);
  }

  /**
   * Joins the group, if there is one. Nothing is read until `begin`.
   * @throws HashbrookError kafka_unreachable, kafka_auth, kafka_topic_missing
   */
  static async join(options: KafkaLogOptions): Promise<KafkaLog> {
    const admin = await KafkaAdmin.open(options.kafka);
    const { topic } = options;
    let log: KafkaLog | null = null;
    try {
      const partitions = await admin.partitionsOf(topic);
      const cluster = await openCluster(options);
      log = new KafkaLog(options, admin, cluster, partitions);
      await Promise.all([log.lookAtId(), log.consumer.join()]);
      return log;
    } catch (error) {
      await (log ?? admin).close();
      throw kafkaFailure(error, `topic ${topic}`);
    }
  }

  /**
   * The oldest and newest offsets of each partition now. @throws HashbrookError kafka_unreachable, kafka_auth,
   * kafka_topic_missing
   */
  async watermarks(): Promise<readonly Watermarks[]> {
    return (await this.admin.watermarks(this.topic)).slice(0, this.partitions);
  }

  /**
   * Begins to read.
   * @param marks available offsets of every partition
   * @param offsets the first offset to read, by partition
   * @param last the last learned message before it, by partition; null or absent if none was. If the topic now has a
   *   different message at that offset, it was replaced
   * @throws HashbrookError offsets_lost, stream_changed
   */
  begin(marks: readonly Watermarks[], offsets: readonly bigint[], last: readonly (MessagePrint | null)[]): void {
    this.learned = new LastMessages(last.map((print, p) => (this.isRead(p) ? print : null)));
    const parts = marks.map(({ high }, p) => partitionAt(offsets[p], high));
    parts.forEach((part, p) => {
      const { low, high } = marks[p];
      if (part.next > high) throw topicReplaced(this.topic, p, part.next, high);
      if (part.next < low) this.jump(p, part, marks[p]);
      else part.next = this.learned.begin(p, part.next, low);
    });
    this.parts = parts;
    this.consumer.begin();
  }

  /** Reads a partition that was left out so far, from an offset on. */
  include(partition: number, offset: bigint): void {
    if (this.isRead(partition)) return;
    this.included.add(partition);
    this.rewind(partition, offset);
  }

  /** Whether a partition that is not read has messages from these offsets on, as last reported. */
  hasUnread(offsets: readonly bigint[]): boolean {
    return this.parts.some(({ high }, p) => high > offsets[p] && !this.isRead(p));
  }

  private async lookAtEnds(): Promise<void> {
    if (this.parts.every((_, p) => this.isRead(p))) return;
    const marks = await this.watermarks();
    for (const [p, part] of this.parts.entries()) if (!this.isRead(p)) part.high = marks[p].high;
  }

  private isRead(partition: number): boolean {
    return this.options.only?.(partition) !== false || this.included.has(partition);
  }

  get state(): PartitionedLog["state"] {
    const { failure, added } = this;
    const state = failure ? { ready: false, reason: failure.message } : this.consumer.state;
    return added > 0 ? { ...state, added } : state;
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
    this.consumer.resume(partition);
  }

  rewind(partition: number, offset: bigint): void {
    const part = this.parts[partition];
    Object.assign(part, { chunks: [], bytes: 0, paused: false, next: offset });
    this.consumer.resume(partition);
    this.consumer.seek(partition);
  }

  idle(partition: number, next: bigint): boolean {
    const { chunks, end } = this.parts[partition];
    return !this.learned.pending && chunks.length === 0 && (this.failed || end <= next);
  }

  heardMs(partition: number): number {
    return this.parts[partition].heardMs;
  }

  get failed(): boolean {
    return this.failure !== null;
  }

  get losses(): number {
    return this.lost;
  }

  end(partition: number): bigint {
    return this.parts[partition].high;
  }

  async wait(milliseconds: number): Promise<void> {
    if (this.failure) throw this.failure;
    await this.waiting.wait(milliseconds);
  }

  commit(offsets: readonly bigint[]): Promise<void> {
    return this.consumer.commit(offsets);
  }

  async close(): Promise<void> {
    clearInterval(this.watch);
    await this.consumer.close();
    await this.cluster.close().catch(() => {});
    await this.admin.close().catch(() => {});
  }

  /** Handles the deletion of the next messages to read; the message to compare may be deleted too. */
  private jump(partition: number, part: Partition, { low, high }: Watermarks): void {
    const { onLost, topic } = this.options;
    part.next = this.learned.release(partition) ?? part.next;
    if (part.next >= low) return;
    if (onLost === "stop") throw offsetsLost(topic, partition, part.next, low);
    this.lost++;
    part.next = onLost === "earliest" ? low : high;
    part.chunks.push(gap(part.next));
  }

  private accept(batch: PartitionBatch): void {
    const { partition } = batch;
    const part = this.parts[partition];
    if (!part) return;
    if (BigInt(batch.fetchedOffset) !== part.next) {
      this.displaced(batch);
      return;
    }
    const next = BigInt(batch.lastOffset()) + 1n;
    if (batch.damage !== null && this.isDamaged(partition, next, batch.damage)) return;
    part.end = BigInt(batch.end);
    part.high = BigInt(batch.highWatermark);
    if (next <= part.next) {
      if (part.end <= part.next) this.learned.release(partition);
      this.waiting.wake();
      return;
    }
    const chunks = chunksOf(batch, next);
    const other = this.learned.contradiction(partition, chunks);
    if (other !== null) {
      this.fail(topicReplacedAt(this.topic, partition, other));
      return;
    }
    part.chunks.push(...chunks);
    part.heardMs = systemClock.now();
    part.bytes += chunks.reduce((sum, { bytes }) => sum + bytes, 0);
    part.next = next;
    if (part.bytes > this.room && !part.paused) {
      part.paused = true;
      this.consumer.pause(partition);
    }
    this.waiting.wake();
  }

  /** The network may be at fault, so a damaged batch is fetched once more. @returns whether a retry is pointless */
  private isDamaged(partition: number, offset: bigint, damage: string): boolean {
    const part = this.parts[partition];
    const again = part.damagedAt === offset;
    part.damagedAt = offset;
    if (again) this.fail(batchDamaged(this.topic, partition, offset, damage));
    return again;
  }

  /**
   * The consumer fetched another offset than the next one to read: seeks back, unless the messages were deleted. If the
   * consumer fetched an earlier offset, a broker has reported that the wanted offset does not exist, not even as the
   * end: then the topic was replaced.
   */
  private displaced({ partition, fetchedOffset, highWatermark }: PartitionBatch): void {
    const before = BigInt(fetchedOffset) < this.parts[partition].next;
    this.recover(partition, before ? BigInt(highWatermark) : null);
  }

  /** @param end the partition's end, if it is before the next offset to read; null: unknown */
  private recover(partition: number, end: bigint | null): void {
    const part = this.parts[partition];
    this.admin
      .watermarks(this.topic)
      .then((marks) => {
        if (part.next < marks[partition].low) this.jump(partition, part, marks[partition]);
        else if (end !== null || part.next > marks[partition].high)
          throw topicReplaced(this.topic, partition, part.next, end ?? marks[partition].high);
        this.consumer.seek(partition);
      })
      .catch((error) => {
        if (isFatal(error)) this.fail(error);
        else this.consumer.seek(partition);
      });
  }

  /** Checks that the topic still has the same id: another topic of the same name may have messages at any offset. */
  private async lookAtId(): Promise<void> {
    const { id, leaders } = await this.cluster.topic();
    this.added = leaders.length - this.partitions;
    if (this.id !== null && id !== null && id !== this.id) this.fail(topicReplacedAnew(this.topic, this.id, id));
    this.id ??= id;
  }

  private fail(failure: HashbrookError): void {
    this.failure = failure;
    this.waiting.wake();
  }
}
