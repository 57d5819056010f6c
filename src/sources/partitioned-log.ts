import type { Messages } from "./messages.js";

/** Messages of one partition, in order, at hand. */
export interface Chunk {
  readonly messages: Messages;
  /** About what they take in memory. */
  readonly bytes: number;
  /** Offset to go on with after them: past gaps (compaction, transaction markers) too. */
  readonly next: bigint;
}

/**
 * A partitioned log, read from given offsets on: each partition is a queue of chunks in order, without a gap and without
 * a repetition, whatever happens to the connection.
 */
export interface PartitionedLog {
  readonly topic: string;
  /** How many partitions there are, numbered from 0. */
  readonly partitions: number;
  /** The oldest chunk at hand, undefined when there is none now. */
  head(partition: number): Chunk | undefined;
  /** The oldest chunk has been used up. */
  shift(partition: number): void;
  /** True when the log's last word on a partition was that nothing follows `next`. */
  idle(partition: number, next: bigint): boolean;
  /** When messages of a partition came to hand last, by `systemClock`, ms; -Infinity: none have. */
  heardMs(partition: number): number;
  /** How often messages that were wanted next turned out to be lost, and were passed over. */
  readonly losses: number;
  /** Offset after the partition's last message, as far as known: for lag. */
  end(partition: number): bigint;
  /** The log cannot be read on: what is at hand is all there will be, and no partition is waited for. */
  readonly failed: boolean;
  /**
   * Until something arrives, or for `milliseconds`.
   * @throws HashbrookError offsets_lost, kafka_auth, kafka_topic_missing, … once it has failed
   */
  wait(milliseconds: number): Promise<void>;
  /** Tells the log's keeper how far the checkpoints are; for dashboards alone. */
  commit(offsets: readonly bigint[]): Promise<void>;
  /** False while the connection is lost, or another member of the group is the active one; with the reason. */
  readonly state: { readonly ready: boolean; readonly reason: string | null };
  close(): Promise<void>;
}
