import type { PartitionBatch } from "./partition.js";

/** What the brokers say of a topic. */
export interface TopicFacts {
  /** Its id, another one where it was deleted and made anew under its name; null where the brokers tell none (before Kafka 3.0). */
  readonly id: string | null;
  /** The broker that leads each partition; -1: none now. */
  readonly leaders: readonly number[];
}

/** A partition that is wanted from an offset on. */
export interface Wanted {
  readonly partition: number;
  readonly offset: bigint;
}

/** What a broker answers of a partition: messages, or its error's number in Kafka's protocol. */
export type Answer = { readonly batch: PartitionBatch } | { readonly partition: number; readonly error: number };

/**
 * A cluster's brokers as far as reading one topic needs them, without a consumer group. Two libraries are behind it. Errors are the
 * library's, for `kafkaFailure`.
 */
export interface TopicCluster {
  /** Asks anew. */
  topic(): Promise<TopicFacts>;
  /** Asks one broker, which answers at once when it has enough, or after a while. @param soon after a moment, since more may be wanted by then */
  fetch(leader: number, wanted: readonly Wanted[], soon: boolean): Promise<Answer[]>;
  close(): Promise<void>;
}

/**
 * The broker answers a fetch when it has so many bytes, or after so long: events in ones and twos would cost a request each,
 * thousands a second. Where a message is waited for (`PROMPT`), one is enough, and nothing is gained by asking again sooner.
 */
export const FETCH: FetchSize = { minBytes: 64 << 10, maxWaitMs: 25, partitionBytes: 1 << 20, maxBytes: 16 << 20 };

/**
 * A lane's record of a round has megabytes. Of a partition's first record that is over the limit a broker gives all, but only where the
 * answer has nothing else: eight such lanes would take eight answers, one after the other.
 */
export const PROMPT: FetchSize = { ...FETCH, minBytes: 1, maxWaitMs: 100, partitionBytes: 8 << 20, maxBytes: 64 << 20 };

/** How much of a fetch is waited for. */
export interface FetchSize {
  readonly minBytes: number;
  readonly maxWaitMs: number;
  readonly partitionBytes: number;
  readonly maxBytes: number;
}

/** How long a broker may wait. @param soon as for `TopicCluster.fetch` */
export const waitOf = ({ maxWaitMs }: FetchSize, soon: boolean): number => (soon ? FETCH.maxWaitMs : maxWaitMs);
