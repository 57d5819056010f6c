import type { PartitionBatch } from "./partition.js";

/** A topic's metadata, as reported by the brokers. */
export interface TopicFacts {
  /**
   * Its id, which changes if the topic is deleted and created again; null if the brokers do not report ids (before
   * Kafka 3.0).
   */
  readonly id: string | null;
  /** The broker that leads each partition; -1: none now. */
  readonly leaders: readonly number[];
}

/** A partition to fetch, and the first offset to fetch. */
export interface Wanted {
  readonly partition: number;
  readonly offset: bigint;
}

/** A broker's response for one partition: messages, or an error code of the Kafka protocol. */
export type Answer = { readonly batch: PartitionBatch } | { readonly partition: number; readonly error: number };

/**
 * The requests needed to read one topic without a consumer group. Two client libraries implement it. Errors are the
 * library's own; `kafkaFailure` converts them.
 */
export interface TopicCluster {
  /** Requests the metadata again. */
  topic(): Promise<TopicFacts>;
  /**
   * Sends a fetch to one broker, which responds when it has enough bytes, or after a while.
   * @param soon limits the wait to that of `FETCH`, because other partitions may become fetchable meanwhile
   */
  fetch(leader: number, wanted: readonly Wanted[], soon: boolean): Promise<Answer[]>;
  close(): Promise<void>;
}

/**
 * The broker responds to a fetch when it has `minBytes`, or after `maxWaitMs`. Responding to every one or two events
 * would cost thousands of requests per second. With `PROMPT`, one message is enough, and requesting again sooner would
 * gain nothing.
 */
export const FETCH: FetchSize = { minBytes: 64 << 10, maxWaitMs: 25, partitionBytes: 1 << 20, maxBytes: 16 << 20 };

/**
 * For records of lanes, which take megabytes per round. A broker returns a partition's first record even if it exceeds
 * the limit, but only if the response contains nothing else: without larger limits, eight lanes would take eight
 * responses in sequence.
 */
export const PROMPT: FetchSize = { ...FETCH, minBytes: 1, maxWaitMs: 100, partitionBytes: 8 << 20, maxBytes: 64 << 20 };

/** Sizes and waiting time of a fetch request. */
export interface FetchSize {
  readonly minBytes: number;
  readonly maxWaitMs: number;
  readonly partitionBytes: number;
  readonly maxBytes: number;
}

/** Maximum time a broker may wait, in ms. @param soon as for `TopicCluster.fetch` */
export const waitOf = ({ maxWaitMs }: FetchSize, soon: boolean): number => (soon ? FETCH.maxWaitMs : maxWaitMs);
