import { optional } from "../schema/basics.js";
import { text } from "../schema/compiled.js";
import { Type } from "../schema/typebox.js";
import { type FieldContext, fieldKind } from "./kind.js";
import { compiledNulls, from, null_values, table } from "./options.js";
import {
  bucketBoundaries,
  continuous,
  isContinuous,
  modelTransforms,
  numericDefaults,
  Transform,
} from "./transform.js";

const compiled = {
  from: text,
  null_values: compiledNulls,
  transform: Type.Enum([...continuous]),
  missing: Type.Number(),
  /** standardize: the number of values after which one counts half in the statistics; absent: all count alike. */
  half_life: Type.Optional(Type.Number({ minimum: 100 })),
};

/** A number: an input of the tower or, with a bucket transform, a categorical value (buckets.ts). */
export const numeric = fieldKind({
  description: "A number: an input of the tower or, with a bucket transform, a categorical value.",
  source: {
    from,
    null_values,
    transform: optional(Transform),
    missing: optional(
      Type.Number({
        default: numericDefaults.missing,
        description: "raw, log1p: the value used if it is missing, after the transform.",
      }),
    ),
    half_life: optional(
      Type.Number({
        minimum: 100,
        description:
          "standardize: half-life of a value in mean and standard deviation, in events. Default: all values count equally.",
      }),
    ),
    table,
  },
  compiled,
  cell: "number",
  reads: "number",
  numeric: true,
  dense: true,
  decoded: ({ transform, missing: _, half_life: __, ...read }) =>
    modelTransforms.includes(transform) ? read : { ...read, [transform]: true },
  whenMissing: ({ transform, missing }) =>
    transform === "standardize" ? "is the mean: 0 after the transform" : `is ${missing}, after the transform`,
  called: ({ transform }) => `numeric (${transform})`,
  compile(source, context) {
    const { name, from } = context;
    const { transform = numericDefaults.transform, missing, half_life } = source;
    checkUse(transform, source, context);
    if (!isContinuous(transform))
      return { name, type: "buckets" as const, from, boundaries: bucketBoundaries(transform, context) };
    return {
      name,
      type: "numeric" as const,
      from,
      transform,
      missing: missing ?? numericDefaults.missing,
      ...(half_life !== undefined && { half_life }),
    };
  },
});

function checkUse(
  transform: unknown,
  { missing, half_life }: { missing?: number; half_life?: number },
  { path, problems }: FieldContext,
): void {
  const standardize = transform === "standardize";
  if (missing !== undefined && transform !== "raw" && transform !== "log1p") {
    const why = standardize ? "a missing value is the mean" : "missing values have a bucket of their own";
    problems.add(`${path}.missing`, `has no effect: ${why}`, "remove it (it is for raw and log1p)");
  }
  if (half_life !== undefined && !standardize)
    problems.add(
      `${path}.half_life`,
      "has no effect for this transform",
      "remove it (it is for transform: standardize)",
    );
}
