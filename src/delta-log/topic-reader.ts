import { randomUUID } from "node:crypto";
import {
  type Consumer,
  createKafka,
  type EachBatchPayload,
  followingAssigner,
  type KafkaOptions,
} from "../sources/kafka/client.js";
import type { TopicMessage, TopicReading } from "./topic-source.js";

/** Messages read ahead. */
const AHEAD = 64;
const HEARTBEAT_MS = 1000;

/**
 * Reads a topic's partition 0 from any offset on, one message at a time, without committing. If the last offset of a
 * batch has no message, one without key and value stands for it.
 */
export class TopicReader implements TopicReading {
  private readonly consumer: Consumer;
  private readonly topic: string;
  private readonly signal: AbortSignal;
  private readonly abort = () => this.end(null);
  private queue: TopicMessage[] = [];
  private failure: Error | null = null;
  private ended = false;
  private generation = 0;
  private wakeReader = () => {};
  private wakeWriter = () => {};

  private constructor(consumer: Consumer, topic: string, signal: AbortSignal) {
    this.consumer = consumer;
    this.topic = topic;
    this.signal = signal;
  }

  /** Connects and starts at offset `at`. Ends when `signal` aborts. */
  static async open(kafka: KafkaOptions, topic: string, at: bigint, signal: AbortSignal): Promise<TopicReader> {
    const groupId = `hashbrook-follow-${randomUUID()}`;
    const consumer = createKafka(kafka).kafka.consumer({
      groupId,
      maxWaitTimeInMs: 50,
      allowAutoTopicCreation: false,
      partitionAssigners: [followingAssigner],
    });
    const reader = new TopicReader(consumer, topic, signal);
    try {
      await reader.start(at);
      return reader;
    } catch (error) {
      await reader.close();
      throw error;
    }
  }

  private async start(at: bigint): Promise<void> {
    const { consumer, topic, signal } = this;
    signal.addEventListener("abort", this.abort, { once: true });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    consumer.on("consumer.crash", ({ payload }) => {
      if (!payload.restart) this.end(payload.error);
    });
    await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: (batch) => this.take(batch) });
    this.seek(at);
  }

  /** Continues from another offset. */
  seek(offset: bigint): void {
    this.generation++;
    this.queue = [];
    this.consumer.seek({ topic: this.topic, partition: 0, offset: String(offset) });
    this.wakeWriter();
  }

  /** The next message; null at the end. */
  async next(): Promise<TopicMessage | null> {
    for (;;) {
      const message = this.queue.shift();
      this.wakeWriter();
      if (message) return message;
      if (this.failure) throw this.failure;
      if (this.ended) return null;
      await new Promise<void>((wake) => {
        this.wakeReader = wake;
      });
    }
  }

  async close(): Promise<void> {
    this.end(null);
    this.queue = [];
    this.signal.removeEventListener("abort", this.abort);
    await this.consumer.disconnect();
  }

  private end(error: Error | null): void {
    this.failure ??= error;
    this.ended = true;
    this.wakeReader();
    this.wakeWriter();
  }

  private async take({ batch, heartbeat, isStale, resolveOffset }: EachBatchPayload): Promise<void> {
    const { generation } = this;
    const current = () => !isStale() && generation === this.generation && !this.ended;
    if (batch.partition !== 0) return;
    for (const { offset, key, value } of batch.messages) {
      while (this.queue.length >= AHEAD && current()) await this.room(heartbeat);
      if (!current()) return;
      this.push({ offset: BigInt(offset), key: key?.toString() ?? "", value });
      resolveOffset(offset);
    }
    const last = batch.lastOffset();
    if (!current() || batch.messages.at(-1)?.offset === last) return;
    this.push({ offset: BigInt(last), key: "", value: null });
    resolveOffset(last);
  }

  private push(message: TopicMessage): void {
    this.queue.push(message);
    this.wakeReader();
  }

  private async room(heartbeat: () => Promise<void>): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, HEARTBEAT_MS);
      this.wakeWriter = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    await heartbeat();
  }
}
