import { HashbrookError } from "../../core/errors.js";
import type { KafkaOptions } from "./client.js";
import type { MessageParts } from "./message-parts.js";
import { KafkaProducer, type KafkaRecord } from "./producer.js";

/** An event that could not be learned from, as the dead-letter topic keeps it. */
export interface DeadLetter {
  /** Why: "bad_label", "bad_json", … */
  readonly code: string;
  /** What was found where, and what was expected, in a line. */
  readonly reason: string;
  /** The message, as it was produced, and its place. */
  readonly message: DeadMessage;
}

/** A message with its place. Plain data that crosses threads: nothing in it is a view of more than itself. */
export interface DeadMessage extends MessageParts {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number | bigint;
}

/** The beginning of the names of Kafka Connect's headers (KIP-298). */
const PREFIX = "__connect.errors.";

/**
 * A topic that rejected events are kept in: key, value and headers are the message's own, so that it can be mended and produced
 * again; behind them come Kafka Connect's headers, `__connect.errors.topic`, `partition`, `offset` and so on, which say why and where
 * from. Those of an earlier failure give way to them.
 */
export class DeadLetterTopic {
  readonly #producer: KafkaProducer;

  readonly #connector: string;

  private constructor(producer: KafkaProducer, connector: string) {
    this.#producer = producer;
    this.#connector = connector;
  }

  /**
   * The topic must be there.
   * @param connector who rejects them, `__connect.errors.connector.name`: the trainer's group; default: hashbrook
   * @throws kafka_unreachable, kafka_auth, kafka_topic_missing, kafka_failed
   */
  static async open(options: KafkaOptions, topic: string, connector?: string | null): Promise<DeadLetterTopic> {
    return new DeadLetterTopic(await KafkaProducer.open(options, topic), connector ?? "hashbrook");
  }

  /**
   * Sends them and waits until the cluster has them, durably. On an error they may be sent again.
   * @throws kafka_unreachable, kafka_topic_missing, kafka_auth, kafka_failed
   */
  async send(rejects: readonly DeadLetter[]): Promise<void> {
    try {
      await this.#producer.send(rejects.map((reject) => record(reject, this.#connector)));
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
  const told = Object.entries(errors).map(([name, text]) => [`${PREFIX}${name}`, text] as const);
  return { key, value, headers: [...own, ...told] };
}
