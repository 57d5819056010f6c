import { widths as listed, optional } from "../schema/basics.js";
import { widths } from "../schema/compiled.js";
import { Type } from "../schema/typebox.js";

/**
 * The options of the first seven towers. The compiled form of each has all of them, empty or 0 if unused, because spec
 * hashes depend on it. Later towers have only their own options.
 */
export const firstKnobs = {
  residual: widths,
  hidden: widths,
  bottom: widths,
  cross_layers: Type.Integer({ minimum: 0, maximum: 16 }),
  rank: Type.Integer({ minimum: 0, maximum: 4096 }),
};

/** None of them. */
export const noKnobs = { residual: [], hidden: [], bottom: [], cross_layers: 0, rank: 0 };

/** The source schema of an MLP's widths. */
export const hidden = (value: readonly number[]) => optional(listed("Hidden widths of the MLP.", value));
