import type { KafkaOptions } from "../sources/kafka/options.js";
import { KafkaProducer } from "../sources/kafka/producer.js";
import type { Lines } from "./lines.js";
import type { LogSink } from "./sink.js";

/** Over about three seconds: the queue is bounded meanwhile, and what finds no room is counted. */
const RETRIES = 5;

/**
 * Writes a log into an existing topic: one message per line, keyed by its request, so that the candidates of a request are in
 * one partition, in order. What is sent again after a failure may appear twice.
 */
export class TopicSink implements LogSink {
  private readonly producer: KafkaProducer;

  private constructor(producer: KafkaProducer) {
    this.producer = producer;
  }

  /** @throws kafka_unreachable, kafka_auth, kafka_topic_missing, kafka_failed */
  static async open(kafka: KafkaOptions, topic: string): Promise<TopicSink> {
    return new TopicSink(await KafkaProducer.open(kafka, topic, { retries: RETRIES }));
  }

  async write(lines: Lines, keys: readonly string[]): Promise<number> {
    let refused = 0;
    const records = lines.each.map((value, i) => ({ key: keys[i], value }));
    await this.producer.send(records, () => {
      refused++;
      return null;
    });
    return refused;
  }

  tick(): void {}

  lost(): number {
    return 0;
  }

  async close(): Promise<void> {
    await this.producer.close();
  }
}
