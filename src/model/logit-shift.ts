import { ln } from "../metrics/kernel.js";
import type { CompiledSpec } from "../spec/compiled.js";

/**
 * The correction added to every logit of a model that learns a share r of the negatives: ln r. Among the learned events, the
 * odds of a click are 1 / r times those among all events (He et al. 2014, section 6.3). 0 if all negatives are learned.
 */
export function logitShift({ negative_sampling: rate }: CompiledSpec): number {
  return rate === undefined ? 0 : Math.fround(ln(rate));
}

/** Adds the shift in place. */
export function shifted(logits: Float32Array, shift: number): Float32Array {
  if (shift !== 0) for (let i = 0; i < logits.length; i++) logits[i] += shift;
  return logits;
}
