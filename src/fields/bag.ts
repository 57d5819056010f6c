import { optional, size } from "../schema/basics.js";
import { count, text } from "../schema/compiled.js";
import { Type } from "../schema/typebox.js";
import { fieldKind } from "./kind.js";
import { compiledNulls, compiledSeparator, from, itemSeparator, null_values, separator, table } from "./options.js";

const combiners = ["sum", "mean", "sqrtn"] as const;
export type Combiner = (typeof combiners)[number];

export const bagDefaults = { separator: "|", combiner: "mean", max_length: 50 } as const;

/** A list of ids per row. */
export const bag = fieldKind({
  description: "A list of ids per row.",
  source: {
    from,
    null_values,
    separator: separator(bagDefaults.separator),
    combiner: optional(
      Type.Enum([...combiners], {
        default: bagDefaults.combiner,
        description: "How the items' embeddings are combined: sum; mean: sum / n; sqrtn: sum / sqrt(n).",
      }),
    ),
    max_length: optional(
      size("Maximum number of items; the rest of a longer list is dropped.", { default: bagDefaults.max_length }),
    ),
    table,
  },
  compiled: {
    from: text,
    null_values: compiledNulls,
    separator: compiledSeparator,
    combiner: Type.Enum([...combiners]),
    max_length: count(4096),
  },
  cell: "bag",
  reads: "items",
  hashed: true,
  decoded: ({ combiner: _, ...read }) => read,
  whenMissing: () => "is an empty list: zeros",
  compile(source, context) {
    const { name, from } = context;
    const {
      separator = bagDefaults.separator,
      combiner = bagDefaults.combiner,
      max_length = bagDefaults.max_length,
    } = source;
    return { name, type: "bag" as const, from, separator: itemSeparator(separator, context), combiner, max_length };
  },
});
