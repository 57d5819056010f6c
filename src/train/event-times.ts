import type { Batch } from "../core/batch.js";
import type { DecodedBatch } from "./stream.js";

/**
 * The event times of a batch. Rows learned again as corrections are left out, since they say nothing about the model's
 * freshness.
 */
export function timesOf(batch: Batch, { times, corrections = 0 }: DecodedBatch): Float64Array {
  return times.length > 0 ? Float64Array.from(times) : batch.times.subarray(0, batch.rows - corrections);
}
