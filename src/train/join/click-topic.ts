import type { Clock } from "../../core/clock.js";
import { Decoder } from "../../decode/decoder.js";
import { TopicSchemas } from "../../schema-registry/topic-schemas.js";
import type { KafkaLog } from "../../sources/kafka/kafka-log.js";
import type { Membership } from "../../sources/kafka/membership.js";
import { type Bounds, beginTopic, joinTopic, type TopicSpec } from "../../sources/kafka/open-topic.js";
import type { CompiledSpec, JoinSpec } from "../../spec/compiled.js";
import { clickSpec } from "./click-files.js";
import { BLOCK, ClickPartition } from "./click-partition.js";
import type { ClickReaderState } from "./click-reader.js";
import type { ClickSource, ClickStream } from "./click-stream.js";
import { refuseShortRetention } from "./retention.js";
import { keptOfClick } from "./unused-label.js";

/** How to read a topic of clicks. */
export interface ClickTopicOptions {
  readonly spec: CompiledSpec;
  readonly join: JoinSpec;
  readonly topic: TopicSpec;
  /** The topic of the impressions, on the same brokers. */
  readonly impressions: string;
  /** A partition from which nothing arrived for this long, in ms, counts as quiet. */
  readonly quietMs: number;
  readonly clock: Clock;
  readonly membership: Membership;
  /** Clicks are returned with their texts. */
  readonly keeps?: boolean;
  /** Rejected clicks are kept in full, for a dead-letter topic. */
  readonly whole: boolean;
}

/** Clicks in a topic, one stream per partition. */
export class ClickTopic implements ClickSource {
  readonly fingerprints: readonly string[];
  private readonly log: KafkaLog;
  private readonly options: ClickTopicOptions;
  private readonly bounds: Bounds;
  private readonly decoder: Decoder;
  private readonly kept: readonly string[] | undefined;
  private readonly schemas: TopicSchemas | undefined;

  private constructor(options: ClickTopicOptions, log: KafkaLog, bounds: Bounds) {
    this.options = options;
    this.log = log;
    this.bounds = bounds;
    this.fingerprints = [`kafka:${log.topic}`];
    this.kept = options.keeps ? keptOfClick(options.join) : undefined;
    this.decoder = new Decoder(clickSpec(options.spec, options.join), {
      capacity: Number(BLOCK),
      unlabelled: options.join.clicks.type === undefined,
      distinct: false,
      watch: false,
      kept: this.kept,
    });
    const reader = this.decoder.schemas;
    if (reader) this.schemas = new TopicSchemas(reader, options.topic.registry, {});
  }

  /**
   * Joins the topic's group and begins to read, at a checkpoint's state or where the topic's spec says.
   * @throws kafka_unreachable, kafka_auth, kafka_topic_missing, retention_short, offsets_lost, stream_changed
   */
  static async open(options: ClickTopicOptions, state: ClickReaderState | null): Promise<ClickTopic> {
    const { topic, impressions, join } = options;
    const log = await joinTopic(topic, options.membership);
    try {
      for (const name of [impressions, topic.topic]) await refuseShortRetention(log.admin, name, join);
      const offsets = state?.streams.map(({ place }) => BigInt(place!));
      return new ClickTopic(options, log, await beginTopic(log, topic, offsets ? { offsets, last: [] } : null));
    } catch (error) {
      await log.close();
      throw error;
    }
  }

  get keeps(): boolean {
    return this.kept !== undefined;
  }

  get streams(): number {
    return this.log.partitions;
  }

  async open(partition: number): Promise<ClickStream> {
    const { log, decoder, schemas } = this;
    const { quietMs, clock, whole, join } = this.options;
    const typed = join.clicks.type !== undefined;
    const from = this.bounds.offsets[partition];
    const stop = this.bounds.stops?.[partition];
    const values = this.kept?.length ?? 0;
    return new ClickPartition({ log, partition, decoder, schemas, from, stop, quietMs, clock, whole, typed, values });
  }

  close(): Promise<void> {
    return this.log.close();
  }
}
