import type { HashbrookError } from "../../core/errors.js";
import { type KafkaAdmin, withAdmin } from "./admin.js";
import {
  type Compression,
  compressionTypes,
  createKafka,
  type KafkaClient,
  type KafkaOptions,
  kafkaFailure,
  type Producer,
  retryOptions,
} from "./client.js";
import { isTooLarge } from "./failure.js";
import { Partitions } from "./partitions.js";

type Text = string | Uint8Array;

/** A message to be sent. */
export interface KafkaRecord {
  readonly key?: Text | null;
  /** null deletes the key in a compacted topic. */
  readonly value: Text | null;
  /** A list keeps its order, and may repeat a name or have null values. */
  readonly headers?: Readonly<Record<string, Text>> | readonly (readonly [name: string, value: Text | null])[];
  /** Default: by the hash of the key (murmur2, as Java clients do); records without a key may go to any. */
  readonly partition?: number;
  /** Milliseconds since 1970. Default: now. */
  readonly timestamp?: number;
}

export interface ProducerOptions {
  /** Default "none". */
  readonly compression?: Compression;
  /**
   * Retries of a failed attempt. Default: the cluster options' value, else 15, about 25 s, which covers a broker's
   * restart.
   */
  readonly retries?: number;
  /**
   * Maximum bytes of records in one request, at most what the topic accepts. Default 900,000, for a broker's default
   * limit of 1 MB.
   */
  readonly batchBytes?: number;
}

/**
 * What to send in place of a record that the topic refuses as too large; null: nothing; undefined: the send fails. Called
 * again with what it returned, if that is refused, too.
 */
type Shorter<R> = (record: R) => R | null | undefined;

const BATCH_RECORDS = 20_000;
const BATCH_BYTES = 900_000;
const RECORD_OVERHEAD = 32;
/** What a batch has beside its records. */
const BATCH_OVERHEAD = 128;
/** Both lengths of a header. */
const HEADER_OVERHEAD = 10;

/**
 * Sends to one topic, in order: one request at a time, acknowledged by all in-sync replicas, retried without duplicates
 * (an idempotent producer). After a failed `send` some of its records may be in the topic; sending them again may then
 * duplicate them.
 */
export class KafkaProducer {
  readonly topic: string;
  private readonly client: KafkaClient;
  private readonly options: KafkaOptions;
  private readonly settings: Required<ProducerOptions>;
  /** If it is unknown how large a batch may be, each request is for one partition; null: it is known. */
  private readonly partitions: Partitions | null;
  private producer: Producer | undefined;
  /** Offset of the first record of the last request, by partition. */
  private readonly offsets = new Map<number, bigint>();
  private last: Promise<unknown> = Promise.resolve();

  private constructor(
    options: KafkaOptions,
    topic: string,
    settings: ProducerOptions & { readonly batchBytes: number },
    partitions: Partitions | null,
  ) {
    this.topic = topic;
    this.partitions = partitions;
    this.options = options;
    this.settings = { compression: "none", retries: options.retries ?? 15, ...settings };
    // Reconnecting during a send has its own number of attempts, the client's; when they are used up, the send fails.
    this.client = createKafka({ ...options, retries: this.settings.retries });
  }

  /**
   * Connects and checks that the topic exists. @throws kafka_unreachable, kafka_auth, kafka_topic_missing, kafka_failed
   */
  static async open(options: KafkaOptions, topic: string, settings: ProducerOptions = {}): Promise<KafkaProducer> {
    // Otherwise a send would retry for as long as a broker's restart takes before it reports the topic missing.
    const [count, most] = await withAdmin(options, async (admin) => {
      return [await admin.partitionsOf(topic), await acceptedBytes(admin, topic)];
    });
    const { batchBytes = BATCH_BYTES, ...others } = settings;
    const partitions = Number.isFinite(most) ? null : new Partitions(topic, count);
    const given = { ...others, batchBytes: Math.min(batchBytes, most) };
    const producer = new KafkaProducer(options, topic, given, partitions);
    await producer.connect();
    return producer;
  }

  /**
   * Sends the records in their order (within a partition) and waits until the cluster has them. Calls made meanwhile
   * wait for their turn.
   * @param shorter default: a record that is too large for the topic fails
   * @throws kafka_unreachable (after all attempts), kafka_topic_missing, kafka_auth, kafka_failed
   */
  send<R extends KafkaRecord>(records: readonly R[], shorter: Shorter<R> = () => undefined): Promise<void> {
    const turn = this.last.then(() => this.sendAll(records, shorter));
    this.last = turn.catch(() => {});
    return turn;
  }

  /** Offset of the first record of the last request to a partition; it decreases only if the topic was recreated. */
  lastOffset(partition: number): bigint | undefined {
    return this.offsets.get(partition);
  }

  /** Waits for what is being sent, then disconnects. */
  async close(): Promise<void> {
    await this.last;
    await this.disconnect();
  }

  private async sendAll<R extends KafkaRecord>(records: readonly R[], shorter: Shorter<R>): Promise<void> {
    const { partitions } = this;
    for (const batch of batches(records, this.settings.batchBytes)) {
      if (partitions) await this.sendDivided(partitions, batch, shorter);
      else await this.sendBatch(batch, shorter);
    }
  }

  /** Sends a request for each partition. */
  private async sendDivided<R extends KafkaRecord>(
    partitions: Partitions,
    records: readonly R[],
    shorter: Shorter<R>,
  ): Promise<void> {
    for (const [partition, part] of partitions.divided(records, toMessage)) {
      partitions.use(partition);
      await this.sendBatch(part, shorter);
    }
  }

  private async sendBatch<R extends KafkaRecord>(records: readonly R[], shorter: Shorter<R>): Promise<void> {
    if (records.length === 0) return;
    const producer = this.producer ?? (await this.connect());
    const compression = compressionTypes[this.settings.compression];
    try {
      const request = { topic: this.topic, acks: -1, compression, messages: records.map(toMessage) };
      for (const { partition, baseOffset } of await producer.send(request))
        this.offsets.set(partition, BigInt(baseOffset ?? 0));
    } catch (cause) {
      // The sequence numbers of failed records are in doubt: the broker could take later records with them for
      // duplicates.
      await this.disconnect();
      const instead = isTooLarge(cause) ? smaller(records, shorter) : [];
      if (instead.length === 0) throw this.failure(cause);
      for (const batch of instead) await this.sendBatch(batch, shorter);
    }
  }

  private failure(cause: unknown): HashbrookError {
    return kafkaFailure(cause, `topic ${this.topic} on ${this.options.brokers.join(",")}`);
  }

  private async connect(): Promise<Producer> {
    const retry = retryOptions(this.options, this.settings.retries);
    const producer = this.client.kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      retry,
      ...(this.partitions && { createPartitioner: this.partitions.partitioner }),
    });
    try {
      await producer.connect();
    } catch (cause) {
      await producer.disconnect().catch(() => {});
      throw this.failure(cause);
    }
    this.producer = producer;
    return producer;
  }

  private async disconnect(): Promise<void> {
    const producer = this.producer;
    this.producer = undefined;
    await producer?.disconnect().catch(() => {});
  }
}

/**
 * Bytes of records in a batch that the topic accepts. Only users with the right DESCRIBE_CONFIGS are told; for others, a
 * batch that is refused is divided, which needs one partition per request.
 */
async function acceptedBytes(admin: KafkaAdmin, topic: string): Promise<number> {
  const most = await admin.mostBytes(topic).catch(() => null);
  return most === null ? Number.POSITIVE_INFINITY : Math.max(1, most - BATCH_OVERHEAD);
}

/** Batches instead of one that is too large for the topic; empty: it fails. */
function smaller<R>(records: readonly R[], shorter: Shorter<R>): readonly (readonly R[])[] {
  const half = records.length >> 1;
  if (half > 0) return [records.slice(0, half), records.slice(half)];
  const instead = shorter(records[0]);
  if (instead === undefined) return [];
  return [instead === null ? [] : [instead]];
}

function* batches<R extends KafkaRecord>(records: readonly R[], most: number): Generator<R[]> {
  let batch: R[] = [];
  let bytes = 0;
  for (const record of records) {
    const size = sizeOf(record);
    if (batch.length > 0 && (bytes + size > most || batch.length === BATCH_RECORDS)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(record);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

/** The bytes of a record in a request, or a few more. */
function sizeOf({ key, value, headers = [] }: KafkaRecord): number {
  const own = bytesIn(key) + bytesIn(value) + RECORD_OVERHEAD;
  const list = isList(headers) ? headers : Object.entries(headers);
  return list.reduce((sum, [name, text]) => sum + bytesIn(name) + bytesIn(text) + HEADER_OVERHEAD, own);
}

function bytesIn(text: Text | null | undefined): number {
  return typeof text === "string" ? Buffer.byteLength(text) : (text?.length ?? 0);
}

function toMessage({ key, value, headers, partition, timestamp }: KafkaRecord) {
  return {
    key: key === undefined || key === null ? null : buffer(key),
    value: value === null ? null : buffer(value),
    ...(headers && { headers: toHeaders(headers) }),
    ...(partition !== undefined && { partition }),
    ...(timestamp !== undefined && { timestamp: String(timestamp) }),
  };
}

function toHeaders(headers: NonNullable<KafkaRecord["headers"]>) {
  if (isList(headers)) return { list: inOrder(headers) };
  return Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, buffer(text)]));
}

function isList(
  headers: NonNullable<KafkaRecord["headers"]>,
): headers is Exclude<typeof headers, Record<string, Text>> {
  return Array.isArray(headers);
}

/**
 * Headers as a list, in order. kafkajs expects an object of names, and calls `map` of an array (several values of one
 * name) to make `{ key, value }` of each: `map` of this array makes all headers, under their own names.
 */
function inOrder(headers: readonly (readonly [string, Text | null])[]): Buffer[] {
  return Object.assign([], {
    map: () => headers.map(([key, text]) => (text === null ? valueless(key) : { key, value: buffer(text) })),
  });
}

/** A header without a value. kafkajs measures the value before it checks for null. */
function valueless(key: string): { readonly key: string; readonly value: Buffer | null } {
  let value: Buffer | null = Buffer.alloc(0);
  return {
    key,
    get value() {
      const told = value;
      value = null;
      return told;
    },
  };
}

function buffer(text: Text): Buffer {
  if (typeof text === "string") return Buffer.from(text);
  return Buffer.from(text.buffer, text.byteOffset, text.byteLength);
}
