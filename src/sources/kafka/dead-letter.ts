import { HashbrookError } from "../../core/errors.js";
import type { KafkaOptions } from "./client.js";
import { KafkaProducer, type KafkaRecord } from "./producer.js";

/** An event that could not be learned from, as the dead-letter topic keeps it. */
export interface DeadLetter {
  /** Why: "bad_label", "bad_json", … */
  readonly code: string;
  /** The column or field to blame, when there is one. */
  readonly column: string | null;
  /** Where it came from: a file's name, or "topic[partition]". */
  readonly file: string;
  /** Row of the file, counted from 1. */
  readonly row: number;
  /** Byte offset in the file, or offset in the partition. */
  readonly offset: number | bigint;
  /** Bytes of the event. */
  readonly length: number;
  /** The event's bytes, of a long one the first. */
  readonly raw: Uint8Array;
}

/**
 * A topic that rejected events are kept in: the value is the event's bytes, the key `SOURCE:OFFSET`, so that sending one
 * again after a crash changes nothing in a compacted topic; headers `code`, `column`, `source`, `offset`, `row`, `length` say why and
 * where from.
 */
export class DeadLetterTopic {
  readonly #producer: KafkaProducer;

  private constructor(producer: KafkaProducer) {
    this.#producer = producer;
  }

  /** The topic must be there. @throws kafka_unreachable, kafka_auth, kafka_topic_missing, kafka_failed */
  static async open(options: KafkaOptions, topic: string): Promise<DeadLetterTopic> {
    return new DeadLetterTopic(await KafkaProducer.open(options, topic));
  }

  /**
   * Sends them and waits until the cluster has them, durably. On an error they may be sent again.
   * @throws kafka_unreachable, kafka_topic_missing, kafka_auth, kafka_failed
   */
  async send(rejects: readonly DeadLetter[]): Promise<void> {
    try {
      await this.#producer.send(rejects.map(record));
    } catch (cause) {
      if (!(cause instanceof HashbrookError && cause.code === "kafka_topic_missing")) throw cause;
      const hint = "the topic of --dead-letter-topic was deleted: make it anew, then go on with --resume";
      throw new HashbrookError(cause.code, cause.message, { hint, cause });
    }
  }

  async close(): Promise<void> {
    await this.#producer.close();
  }
}

function record({ code, column, file, row, offset, length, raw }: DeadLetter): KafkaRecord {
  const numbers = { offset: String(offset), row: String(row), length: String(length) };
  const headers = { code, column: column ?? "", source: file, ...numbers };
  return { key: `${file}:${offset}`, value: raw, headers };
}
