import { bytesOfMessages, gather, type Message, type Messages } from "../messages.js";
import type { Chunk } from "../partitioned-log.js";
import type { EachBatchPayload, KafkaMessage } from "./client.js";
import type { RecordBatchMessage } from "./record-batch.js";

/** A fetched batch, as `fetched-batch.ts` makes them. */
export type PartitionBatch = EachBatchPayload["batch"] & {
  readonly fetchedOffset: string;
  readonly end: string;
  readonly damage: string | null;
};

/** A partition being read. */
export interface Partition {
  readonly chunks: Chunk[];
  bytes: number;
  paused: boolean;
  /** Offset after everything at hand. */
  next: bigint;
  /** Offset after the last message that can be read now: before those of a transaction that is still open. */
  end: bigint;
  /** Offset after the last message there is. */
  high: bigint;
  /** Where a damaged record batch was fetched that is fetched once more. */
  damagedAt: bigint | null;
}

const NONE = gather([]);

/** Offsets up to `next` that have no messages: transaction markers, aborted or compacted records. */
export function gap(next: bigint): Chunk {
  return { messages: NONE, bytes: 0, next };
}

/** The messages of a fetched batch, record batch by record batch; those of an older format are gathered. */
export function chunksOf({ messages }: PartitionBatch, next: bigint): Chunk[] {
  const found: Messages[] = [];
  const plain: KafkaMessage[] = [];
  for (const message of messages as readonly (KafkaMessage | RecordBatchMessage)[]) {
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
