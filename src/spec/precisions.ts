import { isScaled } from "../core/row-layout.js";
import { kindOf, ownOptions } from "../encodings/index.js";
import { optimizerKinds, storesWeights } from "../optimizers/index.js";
import type { Problems } from "../schema/problems.js";
import type { EncodingBase, StoreSpec } from "../tables/spec.js";
import type { OptimizerSpec } from "./compiled.js";

type Precision = NonNullable<StoreSpec["precision"]>;

/** The optimizers whose rows hold weights, for hints. */
const storing = optimizerKinds.filter(storesWeights).join(", ");

/**
 * The precisions besides f32 in which rows of `dim` weights can learn. FTRL derives its weights from z, for which 8
 * bits are too few. A scale per row (int8, int4, int2) pays off only for several weights; fixed point (q2.13) is for
 * single weights, whose range is known.
 */
export function precisionsOf({ kind }: OptimizerSpec, dim: number): readonly Precision[] {
  if (dim === 1) return ["f16", "q2.13"];
  return storesWeights(kind) ? ["f16", "int8", "int4", "int2"] : ["f16"];
}

/** Refuses a precision that a table's rows cannot learn in. */
export function checkPrecision(spec: EncodingBase, path: string, problems: Problems): void {
  const { precision, rounding, optimizer, dim, encoding } = spec;
  const { rows, rowDim } = kindOf(encoding);
  if (rounding && !precision)
    problems.add(`${path}.rounding`, "has no effect without a precision", "give a precision, or remove it");
  if (!precision) return;
  if (rows === "none") {
    problems.add(`${path}.precision`, `has no effect for ${encoding}, which has no rows`, "remove it");
    return;
  }
  const fitting = precisionsOf(optimizer, rowDim?.(ownOptions(spec), spec) ?? dim);
  if (!fitting.includes(precision))
    problems.add(
      `${path}.precision`,
      `rows of ${dim} ${dim === 1 ? "weight" : "weights"} cannot learn in ${precision} with ${optimizer.kind}`,
      `use ${fitting.join(" or ")}${isScaled(precision) && dim > 1 ? `, or an optimizer that stores its weights (${storing})` : ""}`,
    );
}
