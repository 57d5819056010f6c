import { canonicalJson } from "../core/hash.js";
import { type OptimizerSpec, storesWeights } from "../optimizers/index.js";

/**
 * True where what one optimizer has counted means the same to another. Where weights are derived from the state (FTRL), every knob is part of what
 * it means.
 */
export function sameState(a: OptimizerSpec, b: OptimizerSpec): boolean {
  return a.kind === b.kind && (storesWeights(a.kind) || canonicalJson(a) === canonicalJson(b));
}
