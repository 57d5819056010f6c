import { HashbrookError } from "../core/errors.js";
import { withAdmin } from "../sources/kafka/admin.js";
import type { KafkaOptions } from "../sources/kafka/client.js";
import { KafkaProducer, type KafkaRecord } from "../sources/kafka/producer.js";
import type { DeltaSink, Entry, WriterFacts } from "./delta-log.js";
import { sealFrame } from "./frame.js";
import { pause } from "./pause.js";
import { takesOver } from "./taken-over.js";
import { TopicReader } from "./topic-reader.js";
import { factsOf } from "./topic-scan.js";

/** The log's only partition, which gives the entries their order. */
const PARTITION = 0;
/** Snapshots kept; everything before the oldest of them is deleted. */
const KEPT = 2;

const CONFIG = { "cleanup.policy": "compact" };
/** Retries per request, over about two seconds: after that the entry is sent again as a whole, and may appear twice. */
const RETRIES = 4;
/** Attempts to write an entry if the topic keeps disappearing or being recreated. */
const ATTEMPTS = 20;
const RENEW_MS = 500;

const keyOf = (kind: Entry["kind"], number: number, part: number, parts: number): string =>
  `${kind}/${String(number).padStart(12, "0")}/${part}/${parts}`;

const KEY = /^(delta|snapshot)\/(\d{12,})\/(\d+)\/(\d+)$/;

/**
 * Writes the delta log into a topic with one partition: one message per part, each with its own key, so that compaction
 * drops only what was rewritten or deleted.
 */
export class KafkaSink implements DeltaSink {
  private readonly kafka: KafkaOptions;
  private readonly topic: string;
  private readonly producer: KafkaProducer;
  /** Offset of the last message sent: offsets increase as long as the topic is the same. */
  private offset = 0n;
  private readonly writer: WriterFacts;
  private empty: boolean;
  /** Numbers of the messages in the topic that have not been deleted, by key. */
  private readonly left = { delta: new Map<string, number>(), snapshot: new Map<string, number>() };
  /** Numbers of this writer's snapshots that are kept. */
  private snapshots: number[] = [];
  private readonly closing = new AbortController();

  private constructor(kafka: KafkaOptions, producer: KafkaProducer, writer: WriterFacts, empty: boolean) {
    this.kafka = kafka;
    this.topic = producer.topic;
    this.producer = producer;
    this.writer = writer;
    this.empty = empty;
  }

  /** Connects, and creates the topic (compacted, one partition) if it is missing. @throws kafka_… as its client does */
  static async open(kafka: KafkaOptions, topic: string, writer: WriterFacts): Promise<KafkaSink> {
    const [{ low, high }] = await withAdmin(kafka, async (admin) => {
      await admin.createTopic(topic, 1, CONFIG);
      return admin.watermarks(topic);
    });
    const producer = await KafkaProducer.open(kafka, topic, { retries: RETRIES });
    const sink = new KafkaSink(kafka, producer, writer, low === high);
    // In the background; if it fails, the next writer deletes what is left.
    if (high > low) sink.remember(kafka, topic, low, high).catch(() => {});
    return sink;
  }

  async needsSnapshot(): Promise<boolean> {
    return this.empty;
  }

  /** If the topic was deleted, it is created again; the publisher then sees that it needs a snapshot. */
  async append(entry: Entry): Promise<void> {
    for (let attempt = 1; !(await this.written(entry)); attempt++) {
      if (attempt > ATTEMPTS) throw deleted(this.topic);
      await this.renew();
    }
    if (entry.kind === "snapshot") await this.prune(entry.number);
  }

  /** @returns false if the topic is not the one that was written to before */
  private async written({ kind, number, parts, bodies }: Entry): Promise<boolean> {
    let part = 0;
    for (const body of bodies()) {
      const { epoch, now } = this.writer;
      const key = keyOf(kind, number, part++, parts);
      if (!(await this.send([{ key, value: sealFrame({ epoch, sent: now(), body }), partition: PARTITION }])))
        return false;
      this.left[kind].set(key, number);
    }
    return true;
  }

  private async send(records: readonly KafkaRecord[]): Promise<boolean> {
    try {
      await this.producer.send(records);
    } catch (error) {
      if (error instanceof HashbrookError && error.code === "kafka_topic_missing") return false;
      throw error;
    }
    const offset = this.producer.lastOffset(PARTITION) ?? this.offset;
    const same = offset >= this.offset;
    this.offset = offset;
    return same;
  }

  /** The topic is gone, or a different one: it contains nothing of this log. */
  private async renew(): Promise<void> {
    const { kafka, topic } = this;
    const made = await withAdmin(kafka, (admin) => admin.createTopic(topic, 1, CONFIG));
    const what = made ? "was deleted, and is created again" : "was deleted, and another client created it again";
    this.writer.tell?.(`delta log: topic ${topic} ${what}; a snapshot follows`);
    this.empty = true;
    this.offset = 0n;
    this.snapshots = [];
    for (const left of Object.values(this.left)) left.clear();
    if (!made) await pause(RENEW_MS, this.closing.signal);
  }

  async close(): Promise<void> {
    this.closing.abort();
    await this.producer.close();
  }

  /** Records what earlier writers left in the topic, so that it is deleted along with our own messages. */
  private async remember(kafka: KafkaOptions, topic: string, low: bigint, high: bigint): Promise<void> {
    const left = new Map<string, Entry["kind"]>();
    let snapshots = 0;
    let run: string | null = null;
    const reader = await TopicReader.open(kafka, topic, low, this.closing.signal);
    try {
      for (let message = await reader.next(); message; message = await reader.next()) {
        const [, kind] = KEY.exec(message.key) ?? [];
        const facts = message.value && factsOf(message.value);
        if (facts?.kind === "snapshot") snapshots++;
        run = facts?.run ?? run;
        if (message.value === null) left.delete(message.key);
        else if (kind) left.set(message.key, kind as Entry["kind"]);
        if (message.offset >= high - 1n) break;
      }
    } finally {
      await reader.close();
    }
    if (this.closing.signal.aborted) return;
    const none = takesOver(this.writer, `topic ${topic}`, run) || snapshots === 0;
    this.empty ||= none && this.snapshots.length === 0;
    for (const [key, kind] of left) this.left[kind].set(key, Number(KEY.exec(key)![2]));
  }

  /** Deletes messages from which no follower will begin, now that there is a snapshot `number`. */
  private async prune(number: number): Promise<void> {
    this.empty = false;
    this.snapshots = [...this.snapshots.filter((kept) => kept !== number), number].slice(-KEPT);
    // Earlier writers' snapshots do not count, since their logs may have diverged.
    if (this.snapshots.length < KEPT) return;
    const [oldest] = this.snapshots;
    const gone = (["delta", "snapshot"] as const).flatMap((kind) =>
      [...this.left[kind]].flatMap(([key, of]) => (of < oldest || (kind === "delta" && of === oldest) ? [key] : [])),
    );
    const same = await this.send(gone.map((key) => ({ key, value: null, partition: PARTITION })));
    if (!same) this.empty = true;
    for (const key of gone) for (const left of Object.values(this.left)) left.delete(key);
  }
}

function deleted(topic: string): HashbrookError {
  return new HashbrookError("kafka_topic_missing", `topic ${topic} of the delta log keeps being deleted`, {
    hint: "find out what deletes the topic of --publish, then continue with --resume",
  });
}
