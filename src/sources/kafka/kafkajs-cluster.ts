import { createRequire } from "node:module";
import { createKafka, type Kafka } from "./client.js";
import {
  type Answer,
  FETCH,
  type FetchSize,
  type TopicCluster,
  type TopicFacts,
  type Wanted,
  waitOf,
} from "./cluster.js";
import { batchOf, type FetchedPartition } from "./fetched-batch.js";
import type { KafkaOptions } from "./options.js";
import { metadataPayload, topicIdIn } from "./topic-id.js";

const METADATA = 3;
/** The first Metadata version that reports topic ids: Kafka 3.0. */
const METADATA_VERSION = 12;

/** The part of kafkajs's interface that is used. */
interface Request {
  readonly request: object;
  readonly response: { decode(payload: Buffer): Promise<unknown>; parse(decoded: unknown): Promise<unknown> };
}

interface Broker {
  readonly versions: Readonly<Record<number, { readonly maxVersion: number }>>;
  readonly connectionPool: { send(request: Request): Promise<unknown> };
  lookupRequest(apiKey: number, definitions: unknown): (options: object) => Request;
}

interface InnerCluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  refreshMetadata(): Promise<void>;
  findTopicPartitionMetadata(topic: string): readonly { readonly partitionId: number; readonly leader: number }[];
  findBroker(wanted: { nodeId: string }): Promise<Broker>;
  getNodeIds(): string[];
}

interface FetchResponse {
  readonly errorCode?: number;
  readonly responses: readonly {
    readonly partitions: readonly (FetchedPartition & { readonly errorCode: number })[];
  }[];
}

const require = createRequire(import.meta.url);

/** A topic on kafkajs's connections. In a thread that fetches, call `readRecordBatches` first. */
export class KafkajsCluster implements TopicCluster {
  private readonly topicName: string;
  private readonly cluster: InnerCluster;
  private readonly size: FetchSize;

  private constructor(topic: string, cluster: InnerCluster, size: FetchSize) {
    this.topicName = topic;
    this.cluster = cluster;
    this.size = size;
  }

  static async open(options: KafkaOptions, topic: string, size: FetchSize = FETCH): Promise<KafkajsCluster> {
    const cluster = clusterOf(createKafka(options).kafka);
    try {
      await cluster.connect();
      await cluster.addTargetTopic(topic);
      return new KafkajsCluster(topic, cluster, size);
    } catch (error) {
      await cluster.disconnect().catch(() => {});
      throw error;
    }
  }

  async topic(): Promise<TopicFacts> {
    const { cluster } = this;
    await cluster.refreshMetadata();
    const partitions = [...cluster.findTopicPartitionMetadata(this.topicName)];
    partitions.sort((a, b) => a.partitionId - b.partitionId);
    return { id: await this.id(), leaders: partitions.map(({ leader }) => leader) };
  }

  async fetch(leader: number, wanted: readonly Wanted[], soon: boolean): Promise<Answer[]> {
    const broker = await this.cluster.findBroker({ nodeId: String(leader) });
    const { requests } = require("kafkajs/src/protocol/requests");
    const { Fetch: key } = require("kafkajs/src/protocol/requests/apiKeys");
    const partitions = wanted.map(({ partition, offset }) => ({
      partition,
      fetchOffset: String(offset),
      maxBytes: this.size.partitionBytes,
    }));
    const { request, response } = broker.lookupRequest(
      key,
      requests.Fetch,
    )({
      maxWaitTime: waitOf(this.size, soon),
      minBytes: this.size.minBytes,
      maxBytes: this.size.maxBytes,
      topics: [{ topic: this.topicName, partitions }],
      rackId: "",
    });
    // kafkajs's own `parse` fails for all partitions if one has an error.
    const parse = async (decoded: unknown) => decoded;
    const result = await broker.connectionPool.send({ request, response: { decode: response.decode, parse } });
    const { errorCode = 0, responses } = result as FetchResponse;
    if (errorCode !== 0) return wanted.map(({ partition }) => ({ partition, error: errorCode }));
    const offsets = new Map(wanted.map(({ partition, offset }) => [partition, offset]));
    return responses.flatMap(({ partitions }) =>
      partitions.map((found) =>
        found.errorCode === 0
          ? { batch: batchOf(offsets.get(found.partition)!, found) }
          : { partition: found.partition, error: found.errorCode },
      ),
    );
  }

  close(): Promise<void> {
    return this.cluster.disconnect();
  }

  /** kafkajs's requests predate topic ids, so this one is our own. */
  private async id(): Promise<string | null> {
    const [nodeId] = this.cluster.getNodeIds();
    const broker = await this.cluster.findBroker({ nodeId });
    if (!(broker.versions[METADATA]?.maxVersion >= METADATA_VERSION)) return null;
    return (await broker.connectionPool.send(metadataRequest(this.topicName))) as string | null;
  }
}

/** kafkajs creates a private cluster for every consumer and admin. */
function clusterOf(kafka: Kafka): InnerCluster {
  const name = Object.getOwnPropertySymbols(kafka).find(({ description }) => description?.endsWith(":createCluster"))!;
  const create = (kafka as unknown as Record<symbol, (options: object) => InnerCluster>)[name];
  return create({ metadataMaxAge: 300_000, allowAutoTopicCreation: false });
}

/** Requests the metadata of one topic; the response contains its id. */
function metadataRequest(topic: string): Request {
  const payload = metadataPayload(topic);
  return {
    request: {
      apiKey: METADATA,
      apiVersion: METADATA_VERSION,
      apiName: "Metadata",
      // The part of kafkajs's encoder that is called.
      encode: async () => ({ buf: payload, buffer: payload }),
    },
    response: { decode: async (answer) => topicIdIn(answer), parse: async (id) => id },
  };
}
