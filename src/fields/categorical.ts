import { text } from "../schema/compiled.js";
import { fieldKind } from "./kind.js";
import { compiledNulls, from, null_values, table } from "./options.js";

/** One id or word per row. */
export const categorical = fieldKind({
  description: "One id or word per row, hashed to a key.",
  source: { from, null_values, table },
  compiled: { from: text, null_values: compiledNulls },
  cell: "single",
  reads: "text",
  hashed: true,
  crossable: true,
  whenMissing: () => "is the empty text, a value like any other",
  compile: (_, { name, from }) => ({ name, type: "categorical" as const, from }),
});
