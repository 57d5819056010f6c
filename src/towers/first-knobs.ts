import { widths as listed, optional } from "../schema/basics.js";
import { widths } from "../schema/compiled.js";
import { Type } from "../schema/typebox.js";

/**
 * The knobs of the first seven towers. Each of those has all of them in its compiled form, empty or 0 where it knows no such knob:
 * spec hashes rest on it. A tower that is added has its own knobs alone.
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
