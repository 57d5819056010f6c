import type { PlainError } from "../core/errors.js";
import type { Progress, Report, StreamPosition } from "./job.js";
import type { DecodedBatch } from "./stream.js";

/** Consumer → decoder. A returned buffer is also the permission to send one more batch. */
export type ToDecoder =
  | {
      readonly type: "start";
      readonly position: StreamPosition;
      readonly limit: number;
      readonly fingerprints: readonly string[];
      readonly capacity: number;
    }
  | { readonly type: "recycle"; readonly buffer: ArrayBuffer };

/** Decoder → consumer. */
export type FromDecoder =
  | {
      readonly type: "batch";
      readonly decoded: DecodedBatch;
      readonly fingerprints: readonly string[];
      readonly totalBytes: number | null;
    }
  | { readonly type: "end"; readonly endedBy: "end" | "limit" }
  | { readonly type: "error"; readonly error: PlainError };

/** Main thread → consumer. */
export type ToConsumer = { readonly type: "stop" };

/** Consumer → main thread. */
export type FromConsumer =
  | { readonly type: "progress"; readonly progress: Progress }
  | { readonly type: "done"; readonly report: Report }
  | { readonly type: "error"; readonly error: PlainError };
