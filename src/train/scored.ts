import type { Batch } from "../core/batch.js";
import type { Span } from "../metrics/split.js";

/**
 * Receives a batch's logits, made before it was learned, and its rows that were learned in an earlier pass. Views,
 * valid until it returns.
 */
export type Scored = (logits: Float32Array, batch: Batch, seen: readonly Span[]) => void;
