import { nullValues, optional, TABLE_NAME, text } from "../schema/basics.js";
import { nullValues as nulls } from "../schema/compiled.js";
import { unescaped } from "../schema/separators.js";
import { Type } from "../schema/typebox.js";
import type { FieldContext } from "./kind.js";

/** Options shared by several types. */
export const from = optional(
  text(
    "Source of the value: a column (tsv, csv), a dotted path (json) or a namespace (vw). May be a range. Default: the field's name.",
  ),
);
export const null_values = optional(
  nullValues("Texts that mark this value as missing, in addition to those of the events."),
);
export const table = optional(
  Type.String({ pattern: TABLE_NAME, description: "The table that embeds this field's values." }),
);
export const separator = (value: string) =>
  optional(
    text(
      `Separator of the items in a text value, 1 to 8 bytes. Default ${JSON.stringify(value)}. Not used for JSON arrays.`,
      { default: value },
    ),
  );

/** The separator of a value's items: 1 to 8 bytes of UTF-8 without line breaks. */
export function itemSeparator(written: string, { path, problems }: FieldContext): string {
  const separator = unescaped(written);
  if (Buffer.byteLength(separator) > 8 || /[\r\n]/.test(separator))
    problems.add(
      `${path}.separator`,
      `${JSON.stringify(separator)} cannot separate items`,
      "use 1 to 8 bytes without a line break",
    );
  return separator;
}

/** The same in a compiled spec. */
export const compiledNulls = Type.Optional(nulls);
export const compiledSeparator = Type.String({ minLength: 1, maxLength: 8 });
