import { canonicalJson } from "../core/hash.js";
import { type OptimizerSpec, storesWeights } from "../optimizers/index.js";

/**
 * True if one optimizer's state has the same meaning for another. If weights are derived from the state (FTRL), its meaning
 * depends on every option.
 */
export function sameState(a: OptimizerSpec, b: OptimizerSpec): boolean {
  return a.kind === b.kind && (storesWeights(a.kind) || canonicalJson(a) === canonicalJson(b));
}
