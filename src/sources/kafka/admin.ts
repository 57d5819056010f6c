import { setTimeout as sleep } from "node:timers/promises";
import { HashbrookError } from "../../core/errors.js";
import { type Admin, createKafka, type KafkaOptions, kafkaFailure } from "./client.js";
import { isNotReady } from "./failure.js";

/** How often to check whether a created topic is ready, and the milliseconds between two checks. */
const READY_ATTEMPTS = 150;
const RETRY_MS = 100;
/** Attempts for a request while brokers are not ready for it. */
const ATTEMPTS = 50;
/** Kafka's resource type of topics. */
const TOPIC = 2;

/** The offsets available in a partition: `low` (inclusive) to `high` (exclusive). */
export interface Watermarks {
  readonly low: bigint;
  readonly high: bigint;
}

/**
 * Administrative requests to a cluster. Every method throws kafka_unreachable, kafka_auth, kafka_topic_missing or
 * kafka_failed.
 */
export class KafkaAdmin {
  private readonly admin: Admin;
  private readonly where: string;

  private constructor(admin: Admin, where: string) {
    this.admin = admin;
    this.where = where;
  }

  static async open(options: KafkaOptions): Promise<KafkaAdmin> {
    const admin = new KafkaAdmin(createKafka(options).kafka.admin(), options.brokers.join(","));
    await admin.ask("", () => admin.admin.connect());
    return admin;
  }

  async topics(): Promise<string[]> {
    return this.ask("", () => this.admin.listTopics());
  }

  /** Number of partitions of a topic. */
  async partitionsOf(topic: string): Promise<number> {
    return this.ask(topic, async () => {
      const { topics } = await this.admin.fetchTopicMetadata({ topics: [topic] });
      return topics[0].partitions.length;
    });
  }

  /** First and next offset of every partition, by partition number. */
  async watermarks(topic: string): Promise<Watermarks[]> {
    await this.partitionsOf(topic); // reports a missing topic at once; the next request would retry first
    const found = await this.ask(topic, () => this.admin.fetchTopicOffsets(topic));
    return byPartition(found, ({ low, high }) => ({ low: BigInt(low), high: BigInt(high) }));
  }

  /**
   * For each partition, the offset of the first message with this timestamp or a later one; the end offset if there is
   * none.
   */
  async offsetsAt(topic: string, timestampMs: number): Promise<bigint[]> {
    await this.partitionsOf(topic);
    const found = await this.ask(topic, () => this.admin.fetchTopicOffsetsByTimestamp(topic, timestampMs));
    return byPartition(found, ({ offset }) => BigInt(offset));
  }

  /** A group's committed offsets, by partition number; null where it has committed none. */
  async committed(group: string, topic: string): Promise<(bigint | null)[]> {
    await this.partitionsOf(topic);
    const found = await this.ask(topic, () => this.admin.fetchOffsets({ groupId: group, topics: [topic] }));
    const partitions = found.find((entry) => entry.topic === topic)?.partitions ?? [];
    return byPartition(partitions, ({ offset }) => (BigInt(offset) < 0n ? null : BigInt(offset)));
  }

  /**
   * Creates a topic and waits until it can be written to.
   * @param config such as {"cleanup.policy": "compact"}; replication is the cluster's default
   * @returns false if the topic existed already
   */
  async createTopic(
    topic: string,
    partitions: number,
    config: Readonly<Record<string, string>> = {},
  ): Promise<boolean> {
    const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
    const wanted = { topic, numPartitions: partitions, replicationFactor: -1, configEntries };
    const order = { topics: [wanted], timeout: 15_000, waitForLeaders: false };
    const made = await this.ask(topic, () => this.admin.createTopics(order));
    // Also if another client has just created it.
    for (let attempt = 0; !(await this.isLed(topic)) && attempt < READY_ATTEMPTS; attempt++) await sleep(RETRY_MS);
    return made;
  }

  /** Whether every partition of a new topic has a leader. A busy broker may not know the topic for a while. */
  private async isLed(topic: string): Promise<boolean> {
    try {
      const { topics } = await this.admin.fetchTopicMetadata({ topics: [topic] });
      return topics[0].partitions.every(({ leader }) => leader >= 0);
    } catch {
      return false;
    }
  }

  /** The topic's retention time in ms; null if messages are not deleted by age. */
  async retentionOf(topic: string): Promise<number | null> {
    const value = Number((await this.setting(topic, "retention.ms")) ?? -1);
    return value < 0 ? null : value;
  }

  /** The largest batch of records that the topic accepts, in bytes; null if it is not told. */
  async mostBytes(topic: string): Promise<number | null> {
    return Number(await this.setting(topic, "max.message.bytes")) || null;
  }

  private async setting(topic: string, name: string): Promise<string | undefined> {
    const resources = [{ type: TOPIC, name: topic, configNames: [name] }];
    const found = await this.ask(topic, () => this.admin.describeConfigs({ resources, includeSynonyms: false }));
    return found.resources[0]?.configEntries[0]?.configValue;
  }

  async deleteTopic(topic: string): Promise<void> {
    await this.ask(topic, () => this.admin.deleteTopics({ topics: [topic] }));
  }

  async close(): Promise<void> {
    await this.admin.disconnect();
  }

  /**
   * Sends a request. A partition has no leader for a moment after it was created or moved, and a busy cluster has no
   * broker for a new one; kafkajs does not retry requests for offsets or topics then, this does.
   */
  private async ask<T>(topic: string, request: () => Promise<T>, attempts = ATTEMPTS): Promise<T> {
    try {
      return await request();
    } catch (cause) {
      if (isNotReady(cause) && attempts > 1) {
        await sleep(RETRY_MS);
        return this.ask(topic, request, attempts - 1);
      }
      const failure = kafkaFailure(cause, topic ? `topic ${topic} on ${this.where}` : this.where);
      throw failure.code === "kafka_topic_missing" ? await this.missing(topic, failure) : failure;
    }
  }

  private async missing(topic: string, failure: HashbrookError): Promise<HashbrookError> {
    const names = await this.admin.listTopics().catch(() => [] as string[]);
    const near = similar(topic, names);
    const hint = near.length > 0 ? `similar topics: ${near.join(", ")}; ${failure.hint}` : failure.hint;
    return new HashbrookError("kafka_topic_missing", `topic ${topic} does not exist on ${this.where}`, {
      ...(hint !== undefined && { hint }),
      cause: failure.cause,
    });
  }
}

/** Opens an admin client, calls `work`, and closes it. */
export async function withAdmin<T>(options: KafkaOptions, work: (admin: KafkaAdmin) => Promise<T>): Promise<T> {
  const admin = await KafkaAdmin.open(options);
  try {
    return await work(admin);
  } finally {
    await admin.close();
  }
}

function byPartition<E extends { partition: number }, T>(entries: readonly E[], value: (entry: E) => T): T[] {
  return [...entries].sort((a, b) => a.partition - b.partition).map(value);
}

/** Up to three topic names that share a word, or the beginning of one, with the requested name. */
function similar(topic: string, names: readonly string[]): string[] {
  const words = (name: string) => name.toLowerCase().split(/[^a-z0-9]+/);
  const wanted = words(topic).filter((word) => word.length > 2);
  return names
    .filter((name) => !name.startsWith("__"))
    .filter((name) => words(name).some((word) => wanted.some((w) => word.startsWith(w) || w.startsWith(word || " "))))
    .sort()
    .slice(0, 3);
}
