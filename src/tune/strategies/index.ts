import { byField } from "./by-field.js";
import { decoders } from "./decoders.js";
import { exactRows } from "./exact-rows.js";
import { lasso } from "./lasso.js";
import { mixedDims } from "./mixed-dims.js";
import { fewBits, mixedPrecision } from "./mixed-precision.js";
import { rowThresholds } from "./row-thresholds.js";
import { sharedRows } from "./shared-rows.js";
import type { Strategy } from "./strategy.js";

/** Every strategy, in the order in which their proposals are taken. */
export const strategies: readonly Strategy[] = [
  exactRows,
  sharedRows,
  byField,
  decoders,
  mixedDims,
  mixedPrecision,
  lasso,
  rowThresholds,
  fewBits,
];
