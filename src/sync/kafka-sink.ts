import { withAdmin } from "../source/kafka/admin.js";
import type { KafkaOptions } from "../source/kafka/client.js";
import { KafkaProducer } from "../source/kafka/producer.js";
import type { DeltaSink, Entry, WriterFacts } from "./channel.js";
import { sealFrame } from "./frame.js";
import { TopicReader } from "./topic-reader.js";
import { factsOf } from "./topic-scan.js";

/** The log's only partition: its order is the order of the entries. */
const PARTITION = 0;
/** Snapshots kept; what lies before the oldest of them is deleted. */
const KEPT = 2;

const keyOf = (kind: Entry["kind"], number: number, part: number, parts: number): string =>
  `${kind}/${String(number).padStart(12, "0")}/${part}/${parts}`;

const KEY = /^(delta|snapshot)\/(\d{12,})\/(\d+)\/(\d+)$/;

/**
 * Writes the delta log into a topic of one partition: a message for each part, with a key of its own, so that compaction
 * drops nothing but what was written again or deleted.
 */
export class KafkaSink implements DeltaSink {
  private readonly producer: KafkaProducer;
  private readonly writer: WriterFacts;
  private empty: boolean;
  /** Numbers of the messages that are in the topic and not deleted, by their keys. */
  private readonly written = { delta: new Map<string, number>(), snapshot: new Map<string, number>() };
  /** Numbers of this writer's snapshots that are kept. */
  private snapshots: number[] = [];
  private readonly closing = new AbortController();

  private constructor(producer: KafkaProducer, writer: WriterFacts, empty: boolean) {
    this.producer = producer;
    this.writer = writer;
    this.empty = empty;
  }

  /** Connects, and makes the topic (compacted, one partition) where it is missing. @throws kafka_… as its client does */
  static async open(kafka: KafkaOptions, topic: string, writer: WriterFacts): Promise<KafkaSink> {
    const [{ low, high }] = await withAdmin(kafka, async (admin) => {
      await admin.createTopic(topic, 1, { "cleanup.policy": "compact" });
      return admin.watermarks(topic);
    });
    const sink = new KafkaSink(await KafkaProducer.open(kafka, topic), writer, low === high);
    // In the background; where it fails, the writer after this one deletes what is left.
    if (high > low) sink.remember(kafka, topic, low, high).catch(() => {});
    return sink;
  }

  async needsSnapshot(): Promise<boolean> {
    return this.empty;
  }

  async append(entry: Entry): Promise<void> {
    const { kind, number, parts } = entry;
    let part = 0;
    for (const body of entry.bodies()) {
      const { epoch, now } = this.writer;
      const value = sealFrame({ epoch, sent: now(), body });
      const key = keyOf(kind, number, part++, parts);
      await this.producer.send([{ key, value, partition: PARTITION }]);
      this.written[kind].set(key, number);
    }
    if (kind === "snapshot") await this.prune(number);
  }

  async close(): Promise<void> {
    this.closing.abort();
    await this.producer.close();
  }

  /** Notes what earlier writers left in the topic, so that it is deleted along with our own. */
  private async remember(kafka: KafkaOptions, topic: string, low: bigint, high: bigint): Promise<void> {
    const left = new Map<string, Entry["kind"]>();
    let snapshots = 0;
    const reader = await TopicReader.open(kafka, topic, low, this.closing.signal);
    try {
      for (let message = await reader.next(); message; message = await reader.next()) {
        const [, kind] = KEY.exec(message.key) ?? [];
        if (message.value && factsOf(message.value)?.kind === "snapshot") snapshots++;
        if (message.value === null) left.delete(message.key);
        else if (kind) left.set(message.key, kind as Entry["kind"]);
        if (message.offset >= high - 1n) break;
      }
    } finally {
      await reader.close();
    }
    if (this.closing.signal.aborted) return;
    this.empty ||= snapshots === 0 && this.snapshots.length === 0;
    for (const [key, kind] of left) this.written[kind].set(key, Number(KEY.exec(key)![2]));
  }

  /** Deletes what no follower will begin with, now that there is a snapshot `number`. */
  private async prune(number: number): Promise<void> {
    this.empty = false;
    this.snapshots = [...this.snapshots.filter((kept) => kept !== number), number].slice(-KEPT);
    // Earlier writers' snapshots do not count: they may have gone another way.
    if (this.snapshots.length < KEPT) return;
    const [oldest] = this.snapshots;
    const gone = (["delta", "snapshot"] as const).flatMap((kind) =>
      [...this.written[kind]].flatMap(([key, of]) => (of < oldest || (kind === "delta" && of === oldest) ? [key] : [])),
    );
    await this.producer.send(gone.map((key) => ({ key, value: null, partition: PARTITION })));
    for (const key of gone) for (const written of Object.values(this.written)) written.delete(key);
  }
}
