import type { HashbrookError } from "../../core/errors.js";
import type { PartitionBatch } from "./partition.js";

/** Who takes what a consumer reads. */
export interface Reader {
  /** The offset wanted next of a partition; undefined: none yet, nothing is fetched before `begin`. */
  next(partition: number): bigint | undefined;
  accept(batch: PartitionBatch): void;
  /** The brokers have nothing at the offset wanted next, before it or behind it. */
  outOfRange(partition: number): void;
  /** Whether nothing is fetched since every partition is paused. */
  full(): boolean;
  /** A new consumer takes the place of one that was lost: no partition is paused. */
  renewed(): void;
  /** Nothing more will come. */
  failed(failure: HashbrookError): void;
}

/** What brings a topic's messages: as a member of a consumer group, or without one. */
export interface TopicConsumer {
  /** @throws HashbrookError kafka_unreachable, kafka_auth, kafka_topic_missing */
  join(): Promise<void>;
  readonly state: { readonly ready: boolean; readonly reason: string | null };
  /** All partitions are fetched from where the reader wants them. */
  begin(): void;
  /** A partition is fetched from where the reader wants it now. */
  seek(partition: number): void;
  pause(partition: number): void;
  resume(partition: number): void;
  /** For dashboards alone. */
  commit(offsets: readonly bigint[]): Promise<void>;
  close(): Promise<void>;
}
