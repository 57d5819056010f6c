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
/** A header of events that are not kept whole: the length of the whole value. */
const VALUE_BYTES = `${PREFIX}value.bytes`;
/** Most bytes kept of an event that the topic does not accept whole, as of those in files. */
const MOST_KEPT = 64 << 10;
/** If this many are refused as well, key and headers are what is too large. */
const LEAST_KEPT = 1 << 10;

/**
 * A topic for rejected events. Key, value and headers are those of the original message, so that it can be corrected
 * and produced again. Kafka Connect's headers are appended (`__connect.errors.topic`, `partition`, `offset`, …): they
 * state the reason and the origin. Error headers of an earlier failure are replaced. An event that is too large for the
 * topic is truncated, and its header `__connect.errors.value.bytes` has its true length.
 */
export class DeadLetterTopic {
  private readonly producer: KafkaProducer;

  private readonly connector: string;
  private truncations = 0;

  private constructor(producer: KafkaProducer, connector: string) {
    this.producer = producer;
    this.connector = connector;
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

  /** Events that were truncated, since the topic did not accept them whole. */
  get truncated(): number {
    return this.truncations;
  }

  /**
   * Sends rejected events and waits until all in-sync replicas have them. After an error they can be sent again.
   * @throws kafka_unreachable, kafka_topic_missing, kafka_auth, kafka_failed
   */
  async send(rejects: readonly DeadLetter[]): Promise<void> {
    try {
      const letters = rejects.map((reject) => record(reject, this.connector));
      await this.producer.send(letters, (letter) => this.shorter(letter));
    } catch (cause) {
      if (!(cause instanceof HashbrookError && cause.code === "kafka_topic_missing")) throw cause;
      const hint = "the topic of --dead-letter-topic was deleted: create it again, then continue with --resume";
      throw new HashbrookError(cause.code, cause.message, { hint, cause });
    }
  }

  async close(): Promise<void> {
    await this.producer.close();
  }

  /** Counts a letter when it is truncated for the first time. */
  private shorter(letter: Letter): Letter | undefined {
    if (!isTruncated(letter.headers)) this.truncations++;
    return shortened(letter);
  }
}

/** A record for the topic. */
interface Letter extends KafkaRecord {
  readonly value: Uint8Array | null;
  readonly key: Uint8Array | null;
  readonly headers: readonly (readonly [name: string, value: string | Uint8Array | null])[];
}

/** Less of the value; once there is little of it left, neither key nor headers of its own; undefined: that is the least. */
function shortened({ key, value, headers }: Letter): Letter | undefined {
  const length = value?.length ?? 0;
  const told = headers.filter(([name]) => name.startsWith(PREFIX));
  const size = isTruncated(told) ? [] : [[VALUE_BYTES, String(length)] as const];
  if (length > LEAST_KEPT) {
    const most = Math.min(MOST_KEPT, length >> 1);
    return { key, value: value!.subarray(0, most), headers: [...headers, ...size] };
  }
  if (key === null && told.length === headers.length) return undefined;
  return { key: null, value, headers: [...told, ...size] };
}

const isTruncated = (headers: Letter["headers"]) => headers.some(([name]) => name === VALUE_BYTES);

function record({ code, reason, message }: DeadLetter, connector: string): Letter {
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
