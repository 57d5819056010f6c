import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { type BrokerFacts, startBroker, whyUnavailable } from "../../scripts/kafka-broker.mjs";
import { KafkaAdmin } from "../../src/sources/kafka/admin.js";
import {
  type Batch,
  type Compression,
  createKafka,
  type KafkaMessage,
  type KafkaOptions,
  kafkaOptions,
} from "../../src/sources/kafka/client.js";
import { KafkaProducer, type KafkaRecord } from "../../src/sources/kafka/producer.js";

export { type BrokerFacts, killBroker, startBroker, stopBroker } from "../../scripts/kafka-broker.mjs";

/** A message as tests compare it. */
export interface Received {
  readonly partition: number;
  readonly offset: bigint;
  readonly key: string | null;
  readonly value: Buffer;
  readonly headers: Record<string, string>;
  /** As kafkajs returns it. */
  readonly message: KafkaMessage;
}

type SharedBroker = Pick<BrokerFacts, "brokers" | "saslBrokers" | "tlsBrokers" | "ca">;

/** The broker of a suite; all its topics have unique names. */
export class TestKafka {
  private broker: SharedBroker | undefined;
  private opened: KafkaAdmin | undefined;

  /** "127.0.0.1:PORT", for the command line. */
  get brokers(): string {
    if (!this.broker) throw new Error("the broker is there from beforeAll on");
    return this.broker.brokers;
  }

  /** The listener that requires a login; null if KAFKA_BROKERS names the cluster. */
  get saslBrokers(): string | null {
    return this.broker?.saslBrokers ?? null;
  }

  /** The listener that also requires TLS, with the file of its certificate; null like `saslBrokers`. */
  get tls(): { brokers: string; ca: string } | null {
    const { tlsBrokers, ca } = this.broker ?? {};
    return tlsBrokers && ca ? { brokers: tlsBrokers, ca } : null;
  }

  get options(): KafkaOptions {
    return kafkaOptions(this.brokers);
  }

  get admin(): KafkaAdmin {
    return this.opened!;
  }

  async open(): Promise<void> {
    this.broker = await sharedBroker();
    this.opened = await KafkaAdmin.open(this.options);
  }

  async close(): Promise<void> {
    await this.opened?.close();
  }

  /** Creates a topic and returns its unique name. */
  async topic(partitions = 1, config: Readonly<Record<string, string>> = {}): Promise<string> {
    const name = `test-${randomUUID().slice(0, 13)}`;
    await this.admin.createTopic(name, partitions, config);
    return name;
  }

  async produce(topic: string, records: readonly KafkaRecord[], compression: Compression = "none"): Promise<void> {
    const producer = await KafkaProducer.open(this.options, topic, { compression });
    await producer.send(records);
    await producer.close();
  }

  /** Adds partitions to a topic, up to `count`. */
  async addPartitions(topic: string, count: number): Promise<void> {
    const admin = createKafka(this.options).kafka.admin();
    await admin.connect();
    await admin.createPartitions({ topicPartitions: [{ topic, count }] });
    await admin.disconnect();
    while ((await this.admin.partitionsOf(topic)) !== count) await sleep(20);
  }

  /** Changes settings of a topic. */
  async setTopic(topic: string, config: Readonly<Record<string, string>>): Promise<void> {
    const admin = createKafka(this.options).kafka.admin();
    await admin.connect();
    const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
    await admin.alterConfigs({ validateOnly: false, resources: [{ type: 2, name: topic, configEntries }] });
    await admin.disconnect();
  }

  /** Deletes a topic and waits until the broker, which applies this asynchronously, no longer serves it. */
  async deleteTopic(topic: string): Promise<void> {
    await this.admin.deleteTopic(topic);
    while ((await this.admin.topics()).includes(topic)) await sleep(20);
  }

  /** Deletes a partition's messages before `offset`, as retention does. */
  async deleteBefore(topic: string, partition: number, offset: bigint): Promise<void> {
    const admin = createKafka(this.options).kafka.admin();
    await admin.connect();
    await admin.fetchTopicOffsets(topic); // kafkajs asks for the topic's leaders here, but not in what follows
    await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(offset) }] });
    await admin.disconnect();
  }

  /** The current content of a topic, by partition and offset. */
  async read(topic: string): Promise<Received[]> {
    return readTopic(this.options, topic);
  }
}

/** Reads a topic from its first message to its current end. */
export async function readTopic(options: KafkaOptions, topic: string): Promise<Received[]> {
  const admin = await KafkaAdmin.open(options);
  const ends = (await admin.watermarks(topic)).map(({ low, high }) => (high > low ? high : 0n));
  await admin.close();
  const received: Received[] = [];
  const at = ends.map(() => 0n);
  const done = () => ends.every((end, partition) => at[partition] >= end);
  if (done()) return received;
  const consumer = createKafka(options).kafka.consumer({ groupId: `read-${randomUUID()}`, maxWaitTimeInMs: 100 });
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      consumer.on("consumer.crash", ({ payload }) => payload.restart || reject(payload.error));
      const eachBatch = async ({ batch }: { batch: Batch }) => {
        for (const message of batch.messages) received.push(plain(batch.partition, message));
        at[batch.partition] = BigInt(batch.lastOffset()) + 1n;
        if (done()) resolve();
      };
      consumer.run({ autoCommit: false, eachBatch }).catch(reject);
    });
  } finally {
    await consumer.disconnect();
  }
  return received.sort((a, b) => a.partition - b.partition || Number(a.offset - b.offset));
}

function plain(partition: number, message: KafkaMessage): Received {
  const headers = Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)]);
  return {
    partition,
    offset: BigInt(message.offset),
    key: message.key?.toString() ?? null,
    value: message.value ?? Buffer.alloc(0),
    headers: Object.fromEntries(headers),
    message,
  };
}

const unavailable = process.env.KAFKA_BROKERS ? null : await whyUnavailable();
if (unavailable && process.env.CI) throw new Error(`Kafka suites must run in CI: ${unavailable}`);

/**
 * A suite that requires Kafka: the cluster that KAFKA_BROKERS names, else one broker shared by all suites of the run. Skipped
 * with the reason if neither is available; with CI set that is a failure.
 */
export function describeKafka(name: string, suite: (kafka: TestKafka) => void): void {
  if (unavailable) console.warn(`skipped: ${name}: ${unavailable} (or set KAFKA_BROKERS)`);
  describe.skipIf(unavailable !== null)(name, () => {
    const kafka = new TestKafka();
    beforeAll(() => kafka.open(), 120_000);
    afterAll(() => kafka.close());
    suite(kafka);
  });
}

/** A suite that starts, kills and restarts its own brokers (startBroker); skipped like describeKafka, and with KAFKA_BROKERS. */
export function describeBroker(name: string, suite: () => void): void {
  describe.skipIf(unavailable !== null || process.env.KAFKA_BROKERS !== undefined)(name, suite);
}

/** The run's broker: the first suite that needs it starts it, other processes wait. global-setup.ts stops it. */
async function sharedBroker(): Promise<SharedBroker> {
  const given = process.env.KAFKA_BROKERS;
  if (given) return { brokers: given, saslBrokers: null, tlsBrokers: null, ca: null };
  const dir = process.env.HASHBROOK_TEST_BROKER!;
  const outcome = join(dir, "outcome.json");
  if (isFirst(join(dir, "starting"))) {
    const result = await startBroker({ dir, sasl: true, tls: true }).catch((error: Error) => ({
      error: error.message,
    }));
    writeFileSync(`${outcome}.tmp`, JSON.stringify(result));
    renameSync(`${outcome}.tmp`, outcome);
  }
  while (!existsSync(outcome)) await sleep(50);
  const result = JSON.parse(readFileSync(outcome, "utf8")) as BrokerFacts & { error?: string };
  if (result.error) throw new Error(result.error);
  return result;
}

function isFirst(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Expects a rejection with this code of HashbrookError, and returns the error. */
export async function failure(work: Promise<unknown>, code: string): Promise<Error & { hint?: string }> {
  const error = await work.then(
    () => new Error("it succeeded"),
    (reason: Error) => reason,
  );
  expect(error).toMatchObject({ code });
  return error;
}
