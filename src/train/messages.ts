import type { PlainError } from "../core/errors.js";
import type { Progress, Report, StreamPosition } from "./job.js";
import type { DecodedBatch } from "./stream.js";

/** Consumer → decoder. A free buffer is also the permission to decode one more batch. */
export type ToDecoder =
  | {
      readonly type: "start";
      readonly position: StreamPosition;
      readonly limit: number;
      readonly fingerprints: readonly string[];
      readonly capacity: number;
    }
  | { readonly type: "free"; readonly slot: number };

/** A batch in one of the shared buffers. */
export interface BatchMessage {
  readonly type: "batch";
  readonly slot: number;
  readonly decoded: Omit<DecodedBatch, "buffer">;
  readonly fingerprints: readonly string[];
  readonly totalBytes: number | null;
}

/**
 * Decoder → consumer. The buffers are shared once and used in turn: transferring one with every batch makes the garbage
 * collector believe that memory is short.
 */
export type FromDecoder =
  | { readonly type: "buffers"; readonly buffers: readonly SharedArrayBuffer[] }
  | BatchMessage
  | { readonly type: "end"; readonly endedBy: "end" | "limit" }
  | { readonly type: "error"; readonly error: PlainError };

/** Main thread → consumer. */
export type ToConsumer = { readonly type: "stop" };

/** Consumer → main thread. */
export type FromConsumer =
  | { readonly type: "progress"; readonly progress: Progress }
  | { readonly type: "done"; readonly report: Report }
  | { readonly type: "error"; readonly error: PlainError };
