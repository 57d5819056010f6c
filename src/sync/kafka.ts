import { KafkaAdmin, withAdmin } from "../source/kafka/admin.js";
import { type KafkaOptions, kafkaFailure } from "../source/kafka/client.js";
import { KafkaProducer } from "../source/kafka/producer.js";
import type { Delivery, DeltaSink, DeltaSource, Entry, FollowFrom, WriterFacts } from "./channel.js";
import { frameHead, openFrames, sealFrame } from "./frame.js";
import { type TopicMessage, TopicReader } from "./topic-reader.js";

/** The log's only partition: its order is the order of the entries. */
const PARTITION = 0;
/** Messages looked at first, from the end, for the newest snapshot; doubled until one is found. */
const WINDOW = 512n;
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
    const reader = await TopicReader.open(kafka, topic, low, this.closing.signal);
    try {
      for (let message = await reader.next(); message; message = await reader.next()) {
        const [, kind] = KEY.exec(message.key) ?? [];
        if (message.value === null) left.delete(message.key);
        else if (kind) left.set(message.key, kind as Entry["kind"]);
        if (message.offset >= high - 1n) break;
      }
    } finally {
      await reader.close();
    }
    if (this.closing.signal.aborted) return;
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

/** Follows the delta log in a topic. */
export class KafkaSource implements DeltaSource {
  private readonly kafka: KafkaOptions;
  private readonly topic: string;

  constructor(kafka: KafkaOptions, topic: string) {
    this.kafka = kafka;
    this.topic = topic;
  }

  async *follow(from: FollowFrom, signal: AbortSignal): AsyncGenerator<Delivery> {
    const { low, high } = await this.watermarks();
    const reader = await TopicReader.open(this.kafka, this.topic, high, signal);
    try {
      const found = await this.newestSnapshot(reader, from, low, high, signal);
      if (found !== null) reader.seek(found);
      yield* this.deliver(reader, from, found === null, high, signal);
    } catch (error) {
      throw kafkaFailure(error, `topic ${this.topic}`);
    } finally {
      await reader.close();
    }
  }

  async close(): Promise<void> {}

  private async watermarks(): Promise<{ low: bigint; high: bigint }> {
    const admin = await KafkaAdmin.open(this.kafka);
    try {
      return (await admin.watermarks(this.topic))[PARTITION];
    } finally {
      await admin.close();
    }
  }

  /** Offset of the newest whole snapshot that is accepted, looked for in growing windows from the end; null where there is none. */
  private async newestSnapshot(
    reader: TopicReader,
    from: FollowFrom,
    low: bigint,
    high: bigint,
    signal: AbortSignal,
  ): Promise<bigint | null> {
    for (let window = WINDOW; high > low && !signal.aborted; window *= 4n) {
      const first = high - window > low ? high - window : low;
      reader.seek(first);
      const whole = await wholeSnapshots(reader, high, signal);
      const found = whole.findLast((snapshot) => from.accepts(snapshot));
      if (found) return found.offset;
      if (first === low) break;
    }
    return null;
  }

  /** Frames from where the reader stands; where it stands before no snapshot, those before the next one are passed over. */
  private async *deliver(
    reader: TopicReader,
    from: FollowFrom,
    waiting: boolean,
    high: bigint,
    signal: AbortSignal,
  ): AsyncGenerator<Delivery> {
    let [passing, told] = [waiting, false];
    while (!signal.aborted) {
      const message = await reader.next();
      if (message === null) return;
      if (passing) {
        const start = snapshotPart(message);
        passing = !(start?.part === 0 && from.accepts(start));
      }
      if (!passing && message.value !== null) yield* frames(message.value);
      if (told || passing || message.offset < high - 1n) continue;
      told = true;
      yield { type: "caught-up" };
    }
  }
}

interface SnapshotPart {
  readonly number: number;
  readonly epoch: number;
  readonly part: number;
  readonly parts: number;
}

function snapshotPart({ key, value }: TopicMessage): SnapshotPart | null {
  const [, kind, number, part, parts] = KEY.exec(key) ?? [];
  if (kind !== "snapshot" || value === null) return null;
  try {
    return { number: Number(number), epoch: frameHead(value).epoch, part: Number(part), parts: Number(parts) };
  } catch {
    return null;
  }
}

/** The snapshots all of whose parts lie, in their order, between where the reader stands and `end`. */
async function wholeSnapshots(
  reader: TopicReader,
  end: bigint,
  signal: AbortSignal,
): Promise<(SnapshotPart & { readonly offset: bigint })[]> {
  const whole: (SnapshotPart & { offset: bigint })[] = [];
  let open: { snapshot: SnapshotPart; offset: bigint; next: number } | null = null;
  while (!signal.aborted) {
    const message = await reader.next();
    if (message === null) break;
    const found = snapshotPart(message);
    if (found?.part === 0) open = { snapshot: found, offset: message.offset, next: 0 };
    const { snapshot } = open ?? {};
    if (
      open &&
      found &&
      found.number === snapshot?.number &&
      found.epoch === snapshot.epoch &&
      found.part === open.next
    ) {
      open.next++;
      if (open.next === found.parts) whole.push({ ...found, offset: open.offset });
    }
    if (message.offset >= end - 1n) break;
  }
  return whole;
}

function* frames(value: Buffer): Generator<Delivery> {
  try {
    for (const frame of openFrames(value)) yield { type: "frame", frame };
  } catch (error) {
    yield { type: "damaged", reason: error instanceof Error ? error.message : String(error) };
  }
}
