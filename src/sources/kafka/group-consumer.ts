import { systemClock, wallTime } from "../../core/clock.js";
import { HashbrookError } from "../../core/errors.js";
import { singleAssigner } from "./assigner.js";
import { type Consumer, createKafka, kafkaFailure } from "./client.js";
import { FETCH } from "./cluster.js";
import type { Reader, TopicConsumer } from "./consumer.js";
import { ownFailure } from "./failure.js";
import type { KafkaLogOptions } from "./kafka-log-options.js";
import { joinsAs } from "./membership.js";
import type { PartitionBatch } from "./partition.js";

/** Fetches are answered within 25 ms. After this time without an answer the consumer counts as not ready. */
const QUIET_MS = 5_000;
/** After this time without an answer the consumer reconnects. */
const SILENCE_MS = 45_000;
const RETRY_MS = 1_000;
/** Errors for which retrying is pointless. */
const fatal: ReadonlySet<string> = new Set(["kafka_auth", "kafka_topic_missing", "offsets_lost", "stream_changed"]);

export function isFatal(error: unknown): error is HashbrookError {
  return error instanceof HashbrookError && fatal.has(error.code);
}

/**
 * This process's membership in a consumer group. It outlives the single kafkajs consumers: a lost connection is
 * replaced by a new consumer. Whenever a consumer joins, it seeks to the reader's next offsets.
 */
export class GroupConsumer implements TopicConsumer {
  private readonly options: KafkaLogOptions;
  private readonly group: string;
  private readonly partitions: number;
  private readonly reader: Reader;
  private readonly joined = wallTime();
  private consumer: Consumer | null = null;
  private activeSince = 0;
  private heardAt = systemClock.now();
  private reason: string | null = "connecting";
  private closed = false;
  private watchdog: NodeJS.Timeout | null = null;

  /** @param partitions number of partitions of the topic */
  constructor(options: KafkaLogOptions, group: string, partitions: number, reader: Reader) {
    this.options = options;
    this.group = group;
    this.partitions = partitions;
    this.reader = reader;
  }

  /** @throws HashbrookError kafka_unreachable, kafka_auth, kafka_topic_missing */
  async join(): Promise<void> {
    await this.connect();
    this.watchdog = setInterval(() => this.watch(), RETRY_MS);
  }

  get state(): { ready: boolean; reason: string | null } {
    return { ready: this.reason === null, reason: this.reason };
  }

  /** All partitions are fetched from where the reader wants them. */
  begin(): void {
    for (let partition = 0; partition < this.partitions; partition++) this.seek(partition);
    this.command((consumer, topic) => consumer.resume([{ topic }]));
  }

  seek(partition: number): void {
    const next = this.reader.next(partition);
    if (next === undefined) return;
    this.command((consumer, topic) => consumer.seek({ topic, partition, offset: String(next) }));
  }

  pause(partition: number): void {
    this.command((consumer, topic) => consumer.pause([{ topic, partitions: [partition] }]));
  }

  resume(partition: number): void {
    this.command((consumer, topic) => consumer.resume([{ topic, partitions: [partition] }]));
  }

  async commit(offsets: readonly bigint[]): Promise<void> {
    const { topic } = this.options;
    if (this.activeSince === 0) return;
    await this.consumer
      ?.commitOffsets(offsets.map((offset, partition) => ({ topic, partition, offset: String(offset) })))
      .catch(() => {}); // the next commit includes this one
  }

  /** Leaves the group. */
  async close(): Promise<void> {
    this.closed = true;
    if (this.watchdog) clearInterval(this.watchdog);
    await this.consumer?.disconnect().catch(() => {});
  }

  private command(order: (consumer: Consumer, topic: string) => void): void {
    try {
      if (this.consumer) order(this.consumer, this.options.topic);
    } catch {
      // The consumer has just ended, or has not joined yet; on joining it seeks and resumes by itself.
    }
  }

  private async connect(): Promise<void> {
    const { group } = this;
    const { kafka, topic, membership } = this.options;
    const standing = () => ({ activeSince: this.activeSince, joined: this.joined });
    const consumer = createKafka(kafka).kafka.consumer({
      groupId: group,
      partitionAssigners: [singleAssigner(standing, (cluster) => joinsAs(cluster, membership))],
      minBytes: FETCH.minBytes,
      maxWaitTimeInMs: FETCH.maxWaitMs,
      maxBytesPerPartition: FETCH.partitionBytes,
      maxBytes: FETCH.maxBytes,
      retry: { retries: 8, restartOnFailure: async () => false },
    });
    this.consumer = consumer;
    const { events } = consumer;
    consumer.on(events.GROUP_JOIN, ({ payload }) => this.placed(consumer, payload));
    consumer.on(events.FETCH, () => this.hear());
    consumer.on(events.CRASH, ({ payload }) => this.crashed(consumer, payload.error));
    try {
      await consumer.connect();
      await consumer.subscribe({ topics: [topic], fromBeginning: true });
      await consumer.run({
        autoCommit: false,
        partitionsConsumedConcurrently: this.partitions,
        eachBatch: async ({ batch }) => {
          if (consumer === this.consumer) this.reader.accept(batch as unknown as PartitionBatch);
        },
      });
    } catch (error) {
      await consumer.disconnect().catch(() => {});
      throw kafkaFailure(error, `topic ${topic}`);
    }
  }

  private placed(consumer: Consumer, payload: { memberAssignment: Record<string, number[]> }): void {
    const { group } = this;
    const { topic } = this.options;
    const mine = payload.memberAssignment[topic] ?? [];
    this.hear();
    if (mine.length === 0) {
      this.activeSince = 0;
      this.reason = `standing by: another trainer of group ${group} is active`;
      return;
    }
    if (this.activeSince === 0) this.activeSince = wallTime();
    if (this.reader.next(0) === undefined) consumer.pause([{ topic }]);
    else for (const partition of mine) this.seek(partition);
  }

  private hear(): void {
    this.heardAt = systemClock.now();
    if (this.activeSince > 0) this.reason = null;
  }

  private crashed(consumer: Consumer, cause: unknown): void {
    if (consumer !== this.consumer || this.closed) return;
    const failure = kafkaFailure(cause, `topic ${this.options.topic}`);
    this.reason = failure.message;
    if (isFatal(failure) || failure === ownFailure(cause)) this.reader.failed(failure);
    else this.reconnect();
  }

  private watch(): void {
    if (this.reader.full() || this.activeSince === 0) this.heardAt = systemClock.now();
    const silent = systemClock.now() - this.heardAt;
    if (silent > QUIET_MS) this.reason = `no response from the brokers for ${Math.round(silent / 1000)} s`;
    if (silent > SILENCE_MS) this.reconnect();
  }

  private reconnect(): void {
    const former = this.consumer;
    this.consumer = null;
    this.heardAt = systemClock.now();
    this.reader.renewed();
    const again = () => {
      if (this.closed || this.consumer !== null) return;
      this.connect().catch((error) => {
        this.consumer = null;
        this.reason = (error as Error).message;
        if (error instanceof HashbrookError && error.code === "kafka_auth") this.reader.failed(error);
        else setTimeout(again, RETRY_MS);
      });
    };
    (former?.disconnect() ?? Promise.resolve()).catch(() => {}).finally(() => setTimeout(again, RETRY_MS));
  }
}
