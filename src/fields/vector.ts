import { optional, size } from "../schema/basics.js";
import { count, text } from "../schema/compiled.js";
import { fieldKind } from "./kind.js";
import { compiledNulls, compiledSeparator, from, itemSeparator, null_values, separator } from "./options.js";

export const vectorDefaults = { separator: "|" } as const;

/** A precomputed embedding. */
export const vector = fieldKind({
  description: "A precomputed embedding, fed to the tower unchanged.",
  source: {
    from,
    null_values,
    length: size("Number of components; rows with a different number are rejected.", { maximum: 65536 }),
    take: optional(size("Number of leading components fed to the tower. Default: length.", { maximum: 65536 })),
    separator: separator(vectorDefaults.separator),
  },
  compiled: {
    from: text,
    null_values: compiledNulls,
    separator: compiledSeparator,
    length: count(65536),
    take: count(65536),
  },
  reads: "items",
  numeric: true,
  dense: true,
  whenMissing: () => "is zeros",
  compile(source, context) {
    const { name, from, path, problems } = context;
    const { length, take = length, separator = vectorDefaults.separator } = source;
    const by = itemSeparator(separator, context);
    if (take > length) problems.add(`${path}.take`, `takes ${take} of ${length} numbers`, "take at most `length`");
    return { name, type: "vector" as const, from, separator: by, length, take };
  },
  expects: ({ length }) => `${length} numbers`,
  disagreement: ({ take, length }) => (take > length ? "takes more numbers than it has" : undefined),
});
