import { bytesOfMessages, gather, type Message, type Messages } from "../messages.js";
import type { Chunk } from "../partitioned-log.js";
import type { KafkaMessage } from "./client.js";
import type { RecordBatchMessage } from "./record-batch.js";

/** What was fetched from a partition, as `fetched-batch.ts` makes it. */
export interface PartitionBatch {
  readonly partition: number;
  /** The requested offset. */
  readonly fetchedOffset: string;
  readonly highWatermark: string;
  /** The offset from which nothing can be read yet. */
  readonly end: string;
  /** Why nothing after `lastOffset` can be read; null: nothing is damaged. */
  readonly damage: string | null;
  readonly messages: readonly (KafkaMessage | RecordBatchMessage)[];
  /** The last offset fetched; the one before `fetchedOffset` if nothing was. */
  lastOffset(): string;
}

/** A partition being read. */
export interface Partition {
  readonly chunks: Chunk[];
  bytes: number;
  paused: boolean;
  /** Offset after everything at hand. */
  next: bigint;
  /** Offset after the last message that can be read now: before those of a transaction that is still open. */
  end: bigint;
  /** Where a damaged record batch was fetched that is being fetched again. */
  high: bigint;
  /** As in `PartitionedLog`. */
  damagedAt: bigint | null;
  /** As of a `PartitionedLog`. */
  heardMs: number;
}

const NONE = gather([]);

/** Offsets up to `next` that have no messages: transaction markers, aborted or compacted records. */
export function gap(next: bigint): Chunk {
  return { messages: NONE, bytes: 0, next };
}

/** The messages of a fetched batch, record batch by record batch; those of an older format are gathered into one. */
export function chunksOf({ messages }: PartitionBatch, next: bigint): Chunk[] {
  const found: Messages[] = [];
  const plain: KafkaMessage[] = [];
  for (const message of messages) {
    if (!("records" in message)) plain.push(message);
    else if (message.records.length > 0) found.push(message.records);
  }
  if (plain.length > 0) found.push(gather(plain.map(numbered)));
  return [...found.map(chunkOf), gap(next)];
}

function chunkOf(messages: Messages): Chunk {
  return { messages, bytes: bytesOfMessages(messages), next: BigInt(messages.offsets[messages.length - 1]) + 1n };
}

function numbered({ offset, timestamp, value }: KafkaMessage): Message {
  return { offset: Number(offset), time: Number(timestamp), value };
}
