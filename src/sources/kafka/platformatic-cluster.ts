import { createRequire } from "node:module";
import { HashbrookError } from "../../core/errors.js";
import { pemOf, registerCodecs } from "./client.js";
import {
  type Answer,
  FETCH,
  type FetchSize,
  type TopicCluster,
  type TopicFacts,
  type Wanted,
  waitOf,
} from "./cluster.js";
import { type AbortedTransaction, batchesIn, batchOf } from "./fetched-batch.js";
import type { KafkaOptions } from "./options.js";

const FETCH_KEY = 1;
/** The first version that names topics by their ids: Kafka 3.1. */
const FETCH_VERSION = 13;
const READ_COMMITTED = 1;
const UNKNOWN_TOPIC_ID = 100;

/** The part of the library's interface that is used. */
interface Reader {
  readonly buffer: { subarray(start: number, end: number): { slice(): Buffer } };
  position: number;
  skip(length: number): void;
  readInt16(): number;
  readInt32(): number;
  readInt64(): bigint;
  readUUID(): string;
  readUnsignedVarInt(): number;
  readTaggedFields(): void;
  readArray<T>(read: (reader: Reader) => T, compact?: boolean, tags?: boolean): T[];
  readNullableArray<T>(read: (reader: Reader) => T): T[] | null;
}

interface Connection {
  send<T>(
    key: number,
    version: number,
    payload: () => unknown,
    parse: (id: number, key: number, version: number, reader: Reader) => T,
    requestTags: boolean,
    responseTags: boolean,
    done: (error: Error | null, answer: T) => void,
  ): void;
}

interface Address {
  readonly host: string;
  readonly port: number;
}

interface Metadata {
  readonly brokers: readonly (Address & { readonly nodeId: number })[];
  readonly topics: readonly {
    readonly topicId: string;
    readonly partitions: readonly { readonly partitionIndex: number; readonly leaderId: number }[];
  }[];
}

interface Pool {
  get(broker: Address): Promise<Connection>;
  getFirstAvailable(brokers: readonly Address[]): Promise<Connection>;
  close(): Promise<void>;
}

interface Library {
  readonly ConnectionPool: new (clientId: string, options: object) => Pool;
  readonly metadataV12: {
    readonly api: {
      async(connection: Connection, topics: string[], make: boolean, rights: boolean): Promise<Metadata>;
    };
  };
  readonly fetchV13: { createRequest(...values: unknown[]): unknown };
}

interface PartitionResponse {
  readonly partition: number;
  readonly error: number;
  readonly highWatermark: string;
  readonly lastStableOffset: string;
  readonly abortedTransactions: AbortedTransaction[] | null;
  readonly records: Buffer;
}

/**
 * Reads a topic through connections of @platformatic/kafka. Its fetches name the topic by id, so they never return
 * messages of a different topic with the same name.
 */
export class PlatformaticCluster implements TopicCluster {
  private readonly name: string;
  private readonly library: Library;
  private readonly size: FetchSize;
  private readonly pool: Pool;
  private readonly bootstrap: readonly Address[];
  private brokers: Metadata["brokers"] = [];
  /** The first topic id reported; all fetches use it. */
  private id: string | null = null;
  private readonly codecOf: Parameters<typeof batchesIn>[1];

  private constructor(options: KafkaOptions, name: string, size: FetchSize, library: Library) {
    const { clientId = "hashbrook", connectionTimeoutMs = 3000, requestTimeoutMs = 30_000, ssl, sasl } = options;
    this.name = name;
    this.library = library;
    this.size = size;
    this.bootstrap = options.brokers.map(addressOf);
    this.pool = new library.ConnectionPool(clientId, {
      connectTimeout: connectionTimeoutMs,
      requestTimeout: requestTimeoutMs,
      ...(ssl && { tls: typeof ssl === "object" ? pemOf(ssl) : {} }),
      ...(sasl && { sasl: { ...sasl, mechanism: sasl.mechanism.toUpperCase() } }),
    });
    registerCodecs();
    const require = createRequire(import.meta.url);
    this.codecOf = require("kafkajs/src/protocol/message/compression").lookupCodecByAttributes;
  }

  /** @throws usage if the library is not installed, or this version of Node is too old for it */
  static async open(options: KafkaOptions, topic: string, size: FetchSize = FETCH): Promise<PlatformaticCluster> {
    return new PlatformaticCluster(options, topic, size, await load());
  }

  async topic(): Promise<TopicFacts> {
    const connection = await this.pool.getFirstAvailable(this.brokers.length > 0 ? this.brokers : this.bootstrap);
    const { brokers, topics } = await this.library.metadataV12.api.async(connection, [this.name], false, false);
    this.brokers = brokers;
    const [{ topicId, partitions }] = topics;
    this.id ??= topicId;
    const sorted = [...partitions].sort((a, b) => a.partitionIndex - b.partitionIndex);
    return { id: topicId.replaceAll("-", ""), leaders: sorted.map(({ leaderId }) => leaderId) };
  }

  async fetch(leader: number, wanted: readonly Wanted[], soon: boolean): Promise<Answer[]> {
    const broker = this.brokers.find(({ nodeId }) => nodeId === leader);
    if (!broker || this.id === null) return wanted.map(({ partition }) => ({ partition, error: UNKNOWN_TOPIC_ID }));
    const { error, found } = await this.send(await this.pool.get(broker), wanted, soon);
    if (error !== 0) return wanted.map(({ partition }) => ({ partition, error }));
    const offsets = new Map(wanted.map(({ partition, offset }) => [partition, offset]));
    return Promise.all(
      found.map(async ({ error, records, ...part }) => {
        if (error !== 0) return { partition: part.partition, error };
        const messages = await batchesIn(records, this.codecOf);
        return { batch: batchOf(offsets.get(part.partition)!, { ...part, messages }) };
      }),
    );
  }

  close(): Promise<void> {
    return this.pool.close();
  }

  private send(connection: Connection, wanted: readonly Wanted[], soon: boolean) {
    const partitions = wanted.map(({ partition, offset }) => ({
      partition,
      currentLeaderEpoch: -1,
      fetchOffset: offset,
      lastFetchedEpoch: -1,
      partitionMaxBytes: this.size.partitionBytes,
    }));
    const topics = [{ topicId: this.id, partitions }];
    const { minBytes, maxBytes } = this.size;
    const waitMs = waitOf(this.size, soon);
    const payload = () =>
      this.library.fetchV13.createRequest(waitMs, minBytes, maxBytes, READ_COMMITTED, 0, -1, topics, [], "");
    return new Promise<{ error: number; found: PartitionResponse[] }>((resolve, reject) => {
      const done = (error: Error | null, answer: { error: number; found: PartitionResponse[] }) =>
        error ? reject(error) : resolve(answer);
      connection.send(FETCH_KEY, FETCH_VERSION, payload, (_, __, ___, reader) => answerIn(reader), true, true, done);
    });
  }
}

/** Parses a fetch response. The records stay bytes; the library would create objects. */
function answerIn(reader: Reader): { error: number; found: PartitionResponse[] } {
  reader.skip(4); // throttle time
  const error = reader.readInt16();
  reader.skip(4); // session id
  const topics = reader.readArray((r) => {
    r.readUUID();
    return r.readArray(partitionIn, true, false);
  });
  reader.readTaggedFields();
  return { error, found: topics.flat() };
}

function partitionIn(reader: Reader): PartitionResponse {
  const partition = reader.readInt32();
  const error = reader.readInt16();
  const highWatermark = String(reader.readInt64());
  const lastStableOffset = String(reader.readInt64());
  reader.skip(8); // log start offset
  const abortedTransactions = reader.readNullableArray((r) => ({
    producerId: String(r.readInt64()),
    firstOffset: String(r.readInt64()),
  }));
  reader.skip(4); // preferred replica
  const size = Math.max(0, reader.readUnsignedVarInt() - 1);
  const records = reader.buffer.subarray(reader.position, reader.position + size).slice();
  reader.skip(size);
  reader.readTaggedFields();
  return { partition, error, highWatermark, lastStableOffset, abortedTransactions, records };
}

function addressOf(broker: string): Address {
  const [, host, port] = /^\[?(.+?)\]?:(\d+)$/.exec(broker)!;
  return { host, port: Number(port) };
}

async function load(): Promise<Library> {
  try {
    return (await import("@platformatic/kafka" as string)) as Library;
  } catch (cause) {
    throw new HashbrookError("usage", "--kafka-client platformatic: the package @platformatic/kafka is not installed", {
      hint: "npm install @platformatic/kafka beside hashbrook; it requires Node 22.22 or later, or 24.6 or later",
      cause,
    });
  }
}
