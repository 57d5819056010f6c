import { hex64 } from "../../core/hash.js";
import { Xxh64 } from "../../kernels/hash.js";
import type { Model } from "../../model/model.js";

/**
 * Bytes hashed per block and round. Larger blocks are hashed in windows of this size, one per round in turn, which
 * covers all of them over time.
 */
const WINDOW = 32 << 20;

/**
 * XXH64 of the state that determines contributions: weights, optimizer state, statistics.
 * @param isElsewhere selects blocks to leave out, such as those that not every process holds
 * @param window bytes hashed per block and round
 * @returns 16 hex digits
 */
export function digestOf(
  model: Model,
  round: number,
  isElsewhere = (_block: string) => false,
  window = WINDOW,
): string {
  const hash = new Xxh64();
  for (const { name, data } of model.blocks()) {
    if (name.startsWith("calibration/") || isElsewhere(name)) continue; // calibration is updated by the writer alone
    const stretches = Math.max(1, Math.ceil(data.length / window));
    const from = (round % stretches) * window;
    hash.update(data.subarray(from, from + window));
  }
  return hex64(hash.digest());
}
