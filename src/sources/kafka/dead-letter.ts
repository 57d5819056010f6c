import { HashbrookError } from "../../core/errors.js";
import type { KafkaOptions } from "./client.js";
import type { MessageParts } from "./message-parts.js";
import { KafkaProducer, type KafkaRecord } from "./producer.js";

/** A rejected event, as written to the dead-letter topic. */
export interface DeadLetter {
  /** Reject code: "bad_label", "bad_json", … */
  readonly code: string;
  /** One line: what was found where, and what was expected. */
  readonly reason: string;
  /** The message as it was produced, and its position. */
  readonly message: DeadMessage;
}

/**
 * A message with its position. Plain data that can be sent between threads: its byte arrays are not views of larger
 * buffers.
 */
export interface DeadMessage extends MessageParts {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number | bigint;
}

/** Prefix of Kafka Connect's error headers (KIP-298). */
const PREFIX = "__connect.errors.";

/**
 * A topic for rejected events. Key, value and headers are those of the original message, so that it can be corrected
 * and produced again. Kafka Connect's headers are appended (`__connect.errors.topic`, `partition`, `offset`, …): they
 * state the reason and the origin. Error headers of an earlier failure are replaced.
 */
export class DeadLetterTopic {
  readonly #producer: KafkaProducer;

  readonly #connector: string;

  private constructor(producer: KafkaProducer, connector: string) {
    this.#producer = producer;
    this.#connector = connector;
  }

  /**
   * Opens an existing topic.
   * @param connector name of the rejecting component, `__connect.errors.connector.name`: the trainer's group; default:
   *   hashbrook
   * @throws kafka_unreachable, kafka_auth, kafka_topic_missing, kafka_failed
   */
  static async open(options: KafkaOptions, topic: string, connector?: string | null): Promise<DeadLetterTopic> {
    return new DeadLetterTopic(await KafkaProducer.open(options, topic), connector ?? "hashbrook");
  }

  /**
   * Sends rejected events and waits until all in-sync replicas have them. After an error they can be sent again.
   * @throws kafka_unreachable, kafka_topic_missing, kafka_auth, kafka_failed
   */
  async send(rejects: readonly DeadLetter[]): Promise<void> {
    try {
      await this.#producer.send(rejects.map((reject) => record(reject, this.#connector)));
    } catch (cause) {
      if (!(cause instanceof HashbrookError && cause.code === "kafka_topic_missing")) throw cause;
      const hint = "the topic of --dead-letter-topic was deleted: create it again, then continue with --resume";
      throw new HashbrookError(cause.code, cause.message, { hint, cause });
    }
  }

  async close(): Promise<void> {
    await this.#producer.close();
  }
}

function record({ code, reason, message }: DeadLetter, connector: string): KafkaRecord {
  const { key, value, headers, topic, partition, offset } = message;
  const errors = {
    topic,
    partition: String(partition),
    offset: String(offset),
    "connector.name": connector,
    "task.id": "0",
    stage: "VALUE_CONVERTER",
    "class.name": "hashbrook",
    "exception.class.name": code,
    "exception.message": reason,
  };
  const own = headers.filter(([name]) => !name.startsWith(PREFIX));
  const context = Object.entries(errors).map(([name, text]) => [`${PREFIX}${name}`, text] as const);
  return { key, value, headers: [...own, ...context] };
}
