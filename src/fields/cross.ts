import { text } from "../schema/basics.js";
import { text as compiledText } from "../schema/compiled.js";
import { Type } from "../schema/typebox.js";
import { fieldKind } from "./kind.js";
import { table } from "./options.js";

/**
 * The combination of two or more fields as one categorical value. Its fields' ranges are expanded before it is
 * compiled.
 */
export const cross = fieldKind({
  description: "The combination of two or more fields as one categorical value.",
  source: {
    of: Type.Array(text("A categorical or bucketed numeric field."), {
      minItems: 2,
      maxItems: 16,
      description: "The fields whose combination is the value.",
    }),
    table,
  },
  compiled: { of: Type.Array(compiledText, { minItems: 2 }) },
  cell: "single",
  hashed: true,
  whenMissing: () => "of a field that it combines: is combined like any other value",
  compile: ({ of }, { name }) => ({ name, type: "cross" as const, of }),
});
