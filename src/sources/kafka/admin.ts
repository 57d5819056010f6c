import { setTimeout as sleep } from "node:timers/promises";
import { HashbrookError } from "../../core/errors.js";
import { type Admin, createKafka, type KafkaOptions, kafkaFailure } from "./client.js";
import { isLeaderless } from "./failure.js";

/** A topic that was made is waited for so often, so long between. */
const MADE_ATTEMPTS = 150;
const MADE_MS = 100;
/** A request is made so often where a partition has no leader. */
const LEADER_ATTEMPTS = 50;
/** Kafka's number of a topic among the kinds of resources. */
const TOPIC = 2;

/** What is in a partition: offsets from `low` up to, and without, `high`. */
export interface Watermarks {
  readonly low: bigint;
  readonly high: bigint;
}

/** Questions and orders to a cluster. Every method throws kafka_unreachable, kafka_auth, kafka_topic_missing or kafka_failed. */
export class KafkaAdmin {
  readonly #admin: Admin;
  readonly #where: string;

  private constructor(admin: Admin, where: string) {
    this.#admin = admin;
    this.#where = where;
  }

  static async open(options: KafkaOptions): Promise<KafkaAdmin> {
    const admin = new KafkaAdmin(createKafka(options).kafka.admin(), options.brokers.join(","));
    await admin.#ask("", () => admin.#admin.connect());
    return admin;
  }

  async topics(): Promise<string[]> {
    return this.#ask("", () => this.#admin.listTopics());
  }

  /** How many partitions the topic has. */
  async partitionsOf(topic: string): Promise<number> {
    return this.#ask(topic, async () => {
      const { topics } = await this.#admin.fetchTopicMetadata({ topics: [topic] });
      return topics[0].partitions.length;
    });
  }

  /** First and next offset of every partition, by partition number. */
  async watermarks(topic: string): Promise<Watermarks[]> {
    await this.partitionsOf(topic); // finds out at once about a missing topic, where the next request tries again first
    const found = await this.#ask(topic, () => this.#admin.fetchTopicOffsets(topic));
    return byPartition(found, ({ low, high }) => ({ low: BigInt(low), high: BigInt(high) }));
  }

  /** Of every partition the first offset with this timestamp or a later one, the next offset where there is none. */
  async offsetsAt(topic: string, timestampMs: number): Promise<bigint[]> {
    await this.partitionsOf(topic);
    const found = await this.#ask(topic, () => this.#admin.fetchTopicOffsetsByTimestamp(topic, timestampMs));
    return byPartition(found, ({ offset }) => BigInt(offset));
  }

  /** What a group has committed, by partition number; null where it has not. */
  async committed(group: string, topic: string): Promise<(bigint | null)[]> {
    await this.partitionsOf(topic);
    const found = await this.#ask(topic, () => this.#admin.fetchOffsets({ groupId: group, topics: [topic] }));
    const partitions = found.find((entry) => entry.topic === topic)?.partitions ?? [];
    return byPartition(partitions, ({ offset }) => (BigInt(offset) < 0n ? null : BigInt(offset)));
  }

  /**
   * Makes a topic; false when it is there already.
   * @param config such as {"cleanup.policy": "compact"}; replication is the cluster's default
   */
  async createTopic(
    topic: string,
    partitions: number,
    config: Readonly<Record<string, string>> = {},
  ): Promise<boolean> {
    const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
    const wanted = { topic, numPartitions: partitions, replicationFactor: -1, configEntries };
    const order = { topics: [wanted], timeout: 15_000, waitForLeaders: false };
    const made = await this.#ask(topic, () => this.#admin.createTopics(order));
    // Also where somebody else has just made it.
    for (let attempt = 0; !(await this.#isLed(topic)) && attempt < MADE_ATTEMPTS; attempt++) await sleep(MADE_MS);
    return made;
  }

  /** Whether a topic that was just made can be written to: a busy broker says for a while that it has none of that name. */
  async #isLed(topic: string): Promise<boolean> {
    try {
      const { topics } = await this.#admin.fetchTopicMetadata({ topics: [topic] });
      return topics[0].partitions.every(({ leader }) => leader >= 0);
    } catch {
      return false;
    }
  }

  /** How long the topic keeps messages, in ms; null: for ever, or as long as there is room. */
  async retentionOf(topic: string): Promise<number | null> {
    const resources = [{ type: TOPIC, name: topic, configNames: ["retention.ms"] }];
    const found = await this.#ask(topic, () => this.#admin.describeConfigs({ resources, includeSynonyms: false }));
    const value = Number(found.resources[0]?.configEntries[0]?.configValue ?? -1);
    return value < 0 ? null : value;
  }

  async deleteTopic(topic: string): Promise<void> {
    await this.#ask(topic, () => this.#admin.deleteTopics({ topics: [topic] }));
  }

  async close(): Promise<void> {
    await this.#admin.disconnect();
  }

  /** A partition has no leader for a moment after it was made or has moved: kafkajs gives up at once where it asks for offsets. */
  async #ask<T>(topic: string, request: () => Promise<T>, attempts = LEADER_ATTEMPTS): Promise<T> {
    try {
      return await request();
    } catch (cause) {
      if (isLeaderless(cause) && attempts > 1) {
        await sleep(MADE_MS);
        return this.#ask(topic, request, attempts - 1);
      }
      const failure = kafkaFailure(cause, topic ? `topic ${topic} on ${this.#where}` : this.#where);
      throw failure.code === "kafka_topic_missing" ? await this.#missing(topic, failure) : failure;
    }
  }

  async #missing(topic: string, failure: HashbrookError): Promise<HashbrookError> {
    const names = await this.#admin.listTopics().catch(() => [] as string[]);
    const near = similar(topic, names);
    const hint = near.length > 0 ? `there is ${near.join(", ")}; ${failure.hint}` : failure.hint;
    return new HashbrookError("kafka_topic_missing", `topic ${topic} is not on ${this.#where}`, {
      ...(hint !== undefined && { hint }),
      cause: failure.cause,
    });
  }
}

/** Opens an admin for one piece of work and closes it. */
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

/** Up to three names that share a word or a beginning with the one asked for. */
function similar(topic: string, names: readonly string[]): string[] {
  const words = (name: string) => name.toLowerCase().split(/[^a-z0-9]+/);
  const wanted = words(topic).filter((word) => word.length > 2);
  return names
    .filter((name) => !name.startsWith("__"))
    .filter((name) => words(name).some((word) => wanted.some((w) => word.startsWith(w) || w.startsWith(word || " "))))
    .sort()
    .slice(0, 3);
}
