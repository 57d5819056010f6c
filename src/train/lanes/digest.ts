import { hex64 } from "../../core/hash.js";
import { Xxh64 } from "../../kernels/hash.js";
import type { Model } from "../../model/model.js";

/** Bytes hashed of each block in a round: of larger ones another stretch every round, so that all of them are seen in turn. */
const WINDOW = 32 << 20;

/**
 * A hash of all that contributions follow from: weights, optimizers' state, statistics.
 * @param isElsewhere blocks that are left out, as those that not every process holds
 * @param window bytes of each block in a round
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
    if (name.startsWith("calibration/") || isElsewhere(name)) continue; // the writer's or an owner's alone
    const stretches = Math.max(1, Math.ceil(data.length / window));
    const from = (round % stretches) * window;
    hash.update(data.subarray(from, from + window));
  }
  return hex64(hash.digest());
}
