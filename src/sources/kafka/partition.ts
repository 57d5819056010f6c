import { bytesOfMessages, gather, type Message, type Messages } from "../messages.js";
import type { Chunk } from "../partitioned-log.js";
import type { KafkaMessage } from "./client.js";
import type { RecordBatchMessage } from "./record-batch.js";

/** A fetched batch of a partition, as made by `fetched-batch.ts`. */
export interface PartitionBatch {
  readonly partition: number;
  /** The requested offset. */
  readonly fetchedOffset: string;
  readonly highWatermark: string;
  /** The offset up to which (exclusive) it can be read now. */
  readonly end: string;
  /** Why nothing after `lastOffset` can be read; null: nothing is damaged. */
  readonly damage: string | null;
  readonly messages: readonly (KafkaMessage | RecordBatchMessage)[];
  /** The last offset fetched; the one before `fetchedOffset` if nothing was fetched. */
  lastOffset(): string;
}

/** Reading state of a partition. */
export interface Partition {
  chunks: Chunk[];
  bytes: number;
  paused: boolean;
  /** Offset after all available chunks: the next one to fetch. */
  next: bigint;
  /** Offset after the last message that can be read now: before the first message of an open transaction. */
  end: bigint;
  /** The partition's high watermark, as last reported. */
  high: bigint;
  /** Offset of the last damaged record batch that was fetched; null: none. */
  damagedAt: bigint | null;
  /** As in `PartitionedLog`. */
  heardMs: number;
}

/** A partition to read from `next` on. @param high its high watermark */
export function partitionAt(next: bigint, high: bigint): Partition {
  return {
    chunks: [],
    bytes: 0,
    paused: false,
    next,
    end: high,
    high,
    damagedAt: null,
    heardMs: Number.NEGATIVE_INFINITY,
  };
}

const NONE = gather([]);

/**
 * A chunk without messages, for offsets up to `next` that have none: transaction markers, aborted or compacted records.
 */
export function gap(next: bigint): Chunk {
  return { messages: NONE, bytes: 0, next };
}

/** The messages of a fetched batch, one chunk per record batch; messages of older formats make one chunk. */
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
