import type { Chunk, Message } from "../topic.js";
import type { EachBatchPayload } from "./client.js";

/** What the client library keeps of a message beside its value. */
const MESSAGE_BYTES = 100;

/** A fetched batch; the client library does not tell its types of `fetchedOffset`. */
export type Batch = EachBatchPayload["batch"] & { readonly fetchedOffset?: string };

/** A partition being read. */
export interface Partition {
  readonly chunks: Chunk[];
  bytes: number;
  paused: boolean;
  /** Offset after everything at hand. */
  next: bigint;
  /** Offset after the last message the broker told of. */
  end: bigint;
}

/** About what messages take in memory. */
export function sizeOf(messages: readonly Message[]): number {
  return messages.reduce((sum, { value }) => sum + (value?.length ?? 0) + MESSAGE_BYTES, 0);
}
