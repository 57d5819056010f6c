import type { HashbrookError } from "../../core/errors.js";
import type { PartitionBatch } from "./partition.js";

/** Receives the messages that a consumer fetches. */
export interface Reader {
  /** The next offset to fetch of a partition; undefined before `begin`, when nothing is fetched. */
  next(partition: number): bigint | undefined;
  accept(batch: PartitionBatch): void;
  /** The brokers report that the partition's next offset is out of range. */
  outOfRange(partition: number): void;
  /** Whether every partition is paused, so that nothing is fetched. */
  full(): boolean;
  /** A new consumer replaces one that was lost: no partition is paused. */
  renewed(): void;
  /** Reading has failed for good. */
  failed(failure: HashbrookError): void;
}

/** Fetches a topic's messages, as a member of a consumer group or without one. */
export interface TopicConsumer {
  /** @throws HashbrookError kafka_unreachable, kafka_auth, kafka_topic_missing */
  join(): Promise<void>;
  readonly state: { readonly ready: boolean; readonly reason: string | null };
  /** Fetches all partitions from the reader's next offsets. */
  begin(): void;
  /** Continues to fetch a partition from the reader's next offset. */
  seek(partition: number): void;
  pause(partition: number): void;
  resume(partition: number): void;
  /** Only for dashboards. */
  commit(offsets: readonly bigint[]): Promise<void>;
  close(): Promise<void>;
}
