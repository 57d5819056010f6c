import type { Batch } from "../core/batch.js";
import type { DecodedBatch } from "./stream.js";

/** When a batch's events came; those of events that are learned again tell nothing of how fresh the model is. */
export function timesOf(batch: Batch, { times, corrections = 0 }: DecodedBatch): Float64Array {
  return times.length > 0 ? Float64Array.from(times) : batch.times.subarray(0, batch.rows - corrections);
}
