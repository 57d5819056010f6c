import { readFileSync } from "node:fs";
import kafkajs, { type Kafka, type KafkaConfig, type RetryOptions } from "kafkajs";
import { systemFailure } from "../failure.js";
import { kafkajsAddress } from "./broker-host.js";
import { registerCodecs } from "./codecs.js";
import { forgetHalfAnswers } from "./half-answers.js";
import { keepLargeParts } from "./large-parts.js";
import type { KafkaOptions } from "./options.js";
import { wholeAnswers } from "./whole-answers.js";

export type { Admin, Batch, Consumer, EachBatchPayload, Kafka, KafkaMessage, PartitionerArgs, Producer } from "kafkajs";
export { followingAssigner } from "./assigner.js";
export { type Compression, compressionTypes, kafkaZstdAvailable, registerCodecs } from "./codecs.js";
export { kafkaFailure } from "./failure.js";
export { type KafkaOptions, kafkaOptions, kafkaUrl, type SaslMechanism, saslMechanisms } from "./options.js";

/** Makes the partitioner of producers: by the key's murmur2, as Java clients do; without a key in turn. */
export const defaultPartitioner = kafkajs.Partitioners.DefaultPartitioner;

export type KafkaLogLevel = "error" | "warn" | "info" | "debug";

/** One log entry of the Kafka client. */
export interface KafkaLogEntry {
  readonly level: KafkaLogLevel;
  /** Part of the client: "Connection", "Consumer", … */
  readonly part: string;
  readonly message: string;
}

/** A Kafka client. Nothing is connected yet: its producers, consumers and admins connect. */
export interface KafkaClient {
  readonly kafka: Kafka;
  /** The last error the client logged, including errors that were retried successfully; undefined if there was none. */
  readonly lastError: string | undefined;
}

const levels: Readonly<Record<number, KafkaLogLevel>> = { 1: "error", 2: "warn", 4: "info", 5: "debug" };

/**
 * Creates a client. It never writes to standard output or error.
 * @param onLog receives errors, warnings and infos. Default: discarded, except for `lastError`
 * @throws HashbrookError source_missing, source_unreadable if a TLS file cannot be read
 */
export function createKafka(options: KafkaOptions, onLog?: (entry: KafkaLogEntry) => void): KafkaClient {
  registerCodecs();
  forgetHalfAnswers();
  keepLargeParts();
  dropNegativeTimeouts();
  let lastError: string | undefined;
  const logCreator: KafkaConfig["logCreator"] = () => (entry) => {
    const level = levels[entry.level] ?? "debug";
    if (level === "error") lastError = entry.log.message;
    onLog?.({ level, part: entry.namespace, message: entry.log.message });
  };
  const kafka = new kafkajs.Kafka({ ...config(options), logLevel: kafkajs.logLevel.INFO, logCreator });
  return {
    kafka,
    get lastError() {
      return lastError;
    },
  };
}

/** Retries of failed requests, with exponential backoff. @param retries default: the options' value, else 5 */
export function retryOptions(options: KafkaOptions, retries = options.retries ?? 5): RetryOptions {
  return { retries, initialRetryTime: 100, factor: 0.2, multiplier: 2, maxRetryTime: 2000 };
}

function config(options: KafkaOptions): KafkaConfig {
  const { brokers, clientId = "hashbrook", sasl, connectionTimeoutMs = 3000, requestTimeoutMs = 30_000 } = options;
  return {
    brokers: brokers.map(kafkajsAddress),
    clientId,
    connectionTimeout: connectionTimeoutMs,
    requestTimeout: requestTimeoutMs,
    retry: retryOptions(options),
    ssl: tls(options.ssl),
    socketFactory: wholeAnswers,
    // Copied, because the client adds a member to the object.
    ...(sasl && { sasl: { ...sasl } as KafkaConfig["sasl"] }),
  };
}

function tls(ssl: KafkaOptions["ssl"]): KafkaConfig["ssl"] {
  if (typeof ssl !== "object") return ssl ?? false;
  return pemOf(ssl);
}

/** Reads PEM files. @throws HashbrookError source_missing, source_unreadable */
export function pemOf({ ca, cert, key }: Exclude<KafkaOptions["ssl"], boolean | undefined>) {
  return { ...(ca && { ca: [pem(ca)] }), ...(cert && { cert: pem(cert) }), ...(key && { key: pem(key) }) };
}

function pem(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw systemFailure(path, cause);
  }
}

let filtered = false;

/** Suppresses Node 24's warning about negative timeouts, which are harmless, and only for kafkajs. */
function dropNegativeTimeouts(): void {
  if (filtered) return;
  filtered = true;
  const emitWarning = process.emitWarning as (...args: unknown[]) => void;
  process.emitWarning = (...args: unknown[]) => {
    if (args[1] === "TimeoutNegativeWarning" && new Error().stack?.includes("kafkajs")) return;
    emitWarning.apply(process, args);
  };
}
