import type { Messages } from "./messages.js";

/** Consecutive messages of one partition, ready to be used. */
export interface Chunk {
  readonly messages: Messages;
  /** Their approximate memory use. */
  readonly bytes: number;
  /** Offset to continue with after them, also past gaps (compaction, transaction markers). */
  readonly next: bigint;
}

/**
 * A partitioned log, read from given offsets on: each partition is a queue of chunks in order, without gaps or
 * repetitions, whatever happens to the connection.
 */
export interface PartitionedLog {
  readonly topic: string;
  /** How many partitions there are, numbered from 0. */
  readonly partitions: number;
  /** The oldest available chunk; undefined if there is none now. */
  head(partition: number): Chunk | undefined;
  /** Removes the oldest chunk. */
  shift(partition: number): void;
  /** Drops all chunks of a partition and reads it again from an offset on. */
  rewind(partition: number, offset: bigint): void;
  /** True if the log last reported that nothing follows `next` in a partition. */
  idle(partition: number, next: bigint): boolean;
  /** When messages of a partition last arrived, by `systemClock`, in ms; -Infinity: never. */
  heardMs(partition: number): number;
  /** How often the next messages to read turned out to be deleted, and were skipped. */
  readonly losses: number;
  /** Offset after the partition's last message, as last reported; used to compute lag. */
  end(partition: number): bigint;
  /** True once the log cannot be read further: only chunks already available remain, and no partition is waited for. */
  readonly failed: boolean;
  /**
   * Waits until something arrives, or for `milliseconds`.
   * @throws HashbrookError offsets_lost, kafka_auth, kafka_topic_missing, … once it has failed
   */
  wait(milliseconds: number): Promise<void>;
  /** Reports to the brokers how far the checkpoints are; for dashboards only. */
  commit(offsets: readonly bigint[]): Promise<void>;
  /**
   * Not ready, with the reason, while the connection is lost or another member of the group is the active one. `added`:
   * how many partitions were added since, which are not read; absent: none.
   */
  readonly state: { readonly ready: boolean; readonly reason: string | null; readonly added?: number };
  close(): Promise<void>;
}
