import { type ErrorCode, HashbrookError } from "../../core/errors.js";

/** The properties of errors of kafkajs and Node by which they are classified. */
interface Cause {
  readonly name?: string;
  readonly type?: string;
  readonly code?: unknown;
  readonly message?: string;
  readonly cause?: unknown;
  readonly originalError?: unknown;
  readonly errors?: readonly unknown[];
}

interface Kind {
  readonly code: ErrorCode;
  readonly sign: RegExp;
  readonly hint: string;
}

/** What brokers say of a batch that is larger than a topic's `max.message.bytes`. */
const TOO_LARGE = /MESSAGE_TOO_LARGE|RECORD_LIST_TOO_LARGE/;

/** Matched in this order, because a failed login also closes the connection. */
const kinds: readonly Kind[] = [
  {
    code: "kafka_auth",
    sign: /ILLEGAL_SASL_STATE/,
    hint: "this listener takes no login: unset KAFKA_USERNAME and KAFKA_PASSWORD, or use the port of one that does",
  },
  {
    code: "kafka_auth",
    sign: /AUTHORIZATION_FAILED/,
    hint: "the user lacks a right: READ and DESCRIBE of the topic (and READ of the group) to read it, WRITE to write it; or KAFKA_USERNAME is another user's",
  },
  {
    code: "kafka_auth",
    sign: /SASL|AUTHENTICATION_FAILED/,
    hint: "check KAFKA_USERNAME, KAFKA_PASSWORD and KAFKA_SASL_MECHANISM",
  },
  {
    code: "kafka_topic_missing",
    sign: /UNKNOWN_TOPIC_OR_PARTITION|INVALID_TOPIC_EXCEPTION/,
    hint: "check --topic; topics are not created automatically (produce --partitions N creates one)",
  },
  {
    code: "kafka_failed",
    sign: TOO_LARGE,
    hint: "a message is larger than the topic allows: raise its max.message.bytes",
  },
  {
    code: "kafka_failed",
    sign: /INVALID_REPLICATION_FACTOR|NOT_ENOUGH_REPLICAS/,
    hint: "too few brokers are up for the topic's replicas (default.replication.factor, min.insync.replicas): start the others, or create the topic yourself with fewer replicas",
  },
  {
    code: "kafka_unreachable",
    sign: /SSL routines|wrong version number|secure TLS connection|certificate/i,
    hint: "TLS failed: check KAFKA_SSL and KAFKA_SSL_CA, and that the port is the broker's TLS listener",
  },
  {
    code: "kafka_unreachable",
    sign: /Closed connection/,
    hint: "is the broker up, and does this listener require TLS (KAFKA_SSL=true or KAFKA_SSL_CA) or a login (KAFKA_USERNAME, KAFKA_PASSWORD)?",
  },
  {
    code: "kafka_unreachable",
    sign: /KafkaJSConnection|KafkaJSBrokerNotFound|KafkaJSNoBrokerAvailable|KafkaJSRequestTimeout|KafkaJSMetadataNotLoaded|COORDINATOR|LEADER|NOT_CONTROLLER|BROKER_NOT_AVAILABLE|REQUEST_TIMED_OUT|ECONN|ENOTFOUND|EHOSTUNREACH|ETIMEDOUT|EAI_AGAIN/,
    hint: "check that the broker is up, that the address is right, and that it advertises an address this machine can reach (advertised.listeners)",
  },
];

/**
 * Converts any error of the Kafka client to a HashbrookError: kafka_unreachable, kafka_auth, kafka_topic_missing or
 * kafka_failed. A HashbrookError among its causes is returned as it is.
 * @param what beginning of the message, which names the operation or its object: "topic events on kafka:9092"
 */
export function kafkaFailure(error: unknown, what: string): HashbrookError {
  const own = ownFailure(error);
  if (own) return own;
  const chain = causes(error);
  const signs = chain.map((cause) => `${cause.name} ${cause.type} ${String(cause.code)} ${cause.message}`);
  const kind = kinds.find(({ sign }) => signs.some((text) => sign.test(text)));
  const reason = chain.at(-1)?.message ?? String(error);
  const hint = kind?.hint ?? "the message is from the broker or the Kafka client; check the broker's log";
  return new HashbrookError(kind?.code ?? "kafka_failed", `${what}: ${reason}`, { hint, cause: error });
}

/**
 * The HashbrookError among an error and its causes: raised by this code over the content of a response, not by a broker
 * or the network.
 */
export function ownFailure(error: unknown): HashbrookError | undefined {
  return causes(error).find((cause) => cause instanceof HashbrookError);
}

/**
 * The last three also say that too few brokers could take a new topic, or none yet: they have just started, or were so
 * busy that their controller took them for lost.
 */
const NOT_READY = [
  "NOT_LEADER_FOR_PARTITION",
  "LEADER_NOT_AVAILABLE",
  "INVALID_REPLICATION_FACTOR",
  "NOT_ENOUGH_REPLICAS",
  "NOT_CONTROLLER",
];
/** What kafkajs says where it got no metadata, because a partition has no leader, or where no broker is named there yet. */
const NO_METADATA = /Cannot .*topicMetadata|Broker -1 not found/;

/** Whether brokers are not ready yet: they do not lead a partition, nobody does, or too few are up to lead a new one. */
export function isNotReady(error: unknown): boolean {
  return causes(error).some(({ type = "", message = "" }) => NOT_READY.includes(type) || NO_METADATA.test(message));
}

/** Whether a broker refused a batch because it is larger than the topic allows. */
export function isTooLarge(error: unknown): boolean {
  return causes(error).some(({ type = "" }) => TOO_LARGE.test(type));
}

/** An error and all its causes, outermost first. */
function causes(error: unknown, found: Cause[] = []): Cause[] {
  if (typeof error !== "object" || error === null || found.includes(error)) return found;
  const cause = error as Cause;
  found.push(cause);
  for (const next of [cause.cause, cause.originalError, ...(cause.errors ?? [])]) causes(next, found);
  return found;
}
