import { type FieldSource, fieldKinds, writtenTypes } from "../fields/index.js";
import { closed, NAME, text } from "../schema/basics.js";
import { Type } from "../schema/typebox.js";

const name = text("The field's name, or a range of names: I1..I13.", { pattern: NAME });

/** A field, by its type. */
export const Field = Type.Unsafe<FieldSource>(
  Type.Union(
    writtenTypes.map((type) => {
      const { source, description } = fieldKinds[type];
      return Type.Object({ name, type: Type.Literal(type), ...source }, { ...closed, description });
    }),
    { description: "A field, by its type." },
  ),
);
