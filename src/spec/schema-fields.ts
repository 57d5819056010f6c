import { aboveZero, closed, NAME, optional, size, TABLE_NAME, text } from "../schema/basics.js";
import { Type } from "../schema/typebox.js";
import { defaults } from "./defaults.js";

const separator = (value: string) =>
  optional(
    text(
      `What stands between the items of a text value, 1 to 8 bytes. Default ${JSON.stringify(value)}. JSON arrays need none.`,
      { default: value },
    ),
  );

const name = text("The field's name, or a range of names: I1..I13.", { pattern: NAME });
const from = optional(
  text(
    "Where the value is: a column (tsv, csv), a dotted path (json), a namespace (vw). May be a range. Default: the field's name.",
  ),
);
const table = optional(Type.String({ pattern: TABLE_NAME, description: "The table that embeds this field's values." }));

const LogBuckets = Type.Object(
  {
    per_doubling: optional(
      size("Buckets in each doubling of the value.", { maximum: 64, default: defaults.log_buckets.per_doubling }),
    ),
    min: optional(
      aboveZero("First positive boundary; smaller values from 0 up share a bucket.", defaults.log_buckets.min),
    ),
    max: optional(aboveZero("No boundary lies above; larger values share a bucket.", defaults.log_buckets.max)),
  },
  {
    ...closed,
    description:
      "Boundaries 0, min, … max, evenly spaced within each doubling. Negative values have a bucket of their own.",
  },
);

const EvenBuckets = Type.Object(
  {
    width: Type.Number({ exclusiveMinimum: 0, description: "Width of a bucket." }),
    max: Type.Number({ exclusiveMinimum: 0, description: "No boundary lies above." }),
  },
  { ...closed, description: "Boundaries 0, width, 2·width, … max. Negative values have a bucket of their own." },
);

export const Transform = Type.Union(
  [
    Type.Enum(["raw", "log1p", "standardize", "log1p-bucket"], {
      description:
        "raw: as it is. log1p: sign(x)·ln(1+|x|). standardize: (x - mean) / deviation, streaming, within ±10. log1p-bucket: integers 0..8 apart, then 4 buckets a doubling.",
    }),
    Type.Object(
      {
        buckets: optional(
          Type.Array(Type.Number(), {
            minItems: 1,
            maxItems: 4096,
            description: "Ascending boundaries: bucket = how many of them are <= x.",
          }),
        ),
        log_buckets: optional(LogBuckets),
        even_buckets: optional(EvenBuckets),
      },
      { ...closed, description: "Exactly one of buckets, log_buckets, even_buckets." },
    ),
  ],
  { default: defaults.numeric.transform, description: "What is done to the number before the model sees it." },
);

const Categorical = Type.Object(
  { name, type: Type.Literal("categorical"), from, table },
  { ...closed, description: "One id or word a row: hashed to a key." },
);

const Numeric = Type.Object(
  {
    name,
    type: Type.Literal("numeric"),
    from,
    transform: optional(Transform),
    missing: optional(
      Type.Number({
        default: defaults.numeric.missing,
        description: "raw, log1p: what stands for a missing value, after the transform.",
      }),
    ),
    half_life: optional(
      Type.Number({
        minimum: 100,
        description:
          "standardize: events after which a value counts half in mean and deviation. Default: all count alike.",
      }),
    ),
    table,
  },
  { ...closed, description: "A number: an input of the tower, or (bucket transforms) a categorical value." },
);

const Bag = Type.Object(
  {
    name,
    type: Type.Literal("bag"),
    from,
    separator: separator(defaults.bag.separator),
    combiner: optional(
      Type.Enum(["sum", "mean", "sqrtn"], {
        default: defaults.bag.combiner,
        description: "How the items' embeddings become one: sum, sum / n, sum / sqrt(n).",
      }),
    ),
    max_length: optional(
      size("Items kept; the rest of a longer list is dropped.", { default: defaults.bag.max_length }),
    ),
    table,
  },
  { ...closed, description: "A list of ids a row." },
);

const Cross = Type.Object(
  {
    name,
    type: Type.Literal("cross"),
    of: Type.Array(text("A categorical or bucketed numeric field."), {
      minItems: 2,
      maxItems: 16,
      description: "The fields whose combination is the value.",
    }),
    table,
  },
  { ...closed, description: "The combination of two or more fields as one categorical value." },
);

const Vector = Type.Object(
  {
    name,
    type: Type.Literal("vector"),
    from,
    length: size("Numbers in every value; a row with another count is rejected.", { maximum: 65536 }),
    take: optional(size("Only the first `take` numbers feed the tower. Default: length.", { maximum: 65536 })),
    separator: separator(defaults.vector.separator),
  },
  { ...closed, description: "A precomputed embedding: numbers that feed the tower as they are." },
);

/** A field, by its type. */
export const Field = Type.Union([Categorical, Numeric, Bag, Cross, Vector], { description: "A field, by its type." });
