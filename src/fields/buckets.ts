import { text } from "../schema/compiled.js";
import { Type } from "../schema/typebox.js";
import { derivedKind } from "./kind.js";
import { compiledNulls } from "./options.js";

export const MOST_BOUNDARIES = 4096;

/**
 * Compiled form of a numeric field with a bucket transform. Bucket index = number of boundaries <= x
 * (0..boundaries.length); its key is the hash of the index's decimal text; a missing value's key is that of the empty
 * text.
 */
export const buckets = derivedKind({
  compiled: {
    from: text,
    null_values: compiledNulls,
    boundaries: Type.Array(Type.Number(), { minItems: 1, maxItems: MOST_BOUNDARIES }),
  },
  writtenAs: "numeric",
  cell: "single",
  reads: "number",
  hashed: true,
  numeric: true,
  crossable: true,
  whenMissing: () => "has a bucket of its own",
  disagreement: ({ boundaries }) =>
    boundaries.some((x, i) => i > 0 && x <= boundaries[i - 1]) ? "has boundaries out of order" : undefined,
});
