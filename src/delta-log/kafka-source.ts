import { withAdmin } from "../sources/kafka/admin.js";
import { type KafkaOptions, kafkaFailure } from "../sources/kafka/client.js";
import type { Delivery, DeltaSource, FollowFrom } from "./delta-log.js";
import { TopicReader } from "./topic-reader.js";
import { TopicSource } from "./topic-source.js";

/** Follows the delta log in a Kafka topic. */
export class KafkaSource implements DeltaSource {
  private readonly source: TopicSource;
  private readonly topic: string;

  constructor(kafka: KafkaOptions, topic: string) {
    this.topic = topic;
    this.source = new TopicSource({
      watermarks: async () => (await withAdmin(kafka, (admin) => admin.watermarks(topic)))[0],
      open: (at, signal) => TopicReader.open(kafka, topic, at, signal),
    });
  }

  /** @throws kafka_… */
  async *follow(from: FollowFrom, signal: AbortSignal): AsyncGenerator<Delivery> {
    try {
      yield* this.source.follow(from, signal);
    } catch (error) {
      throw kafkaFailure(error, `topic ${this.topic}`);
    }
  }

  async close(): Promise<void> {}
}
