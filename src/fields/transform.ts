import { aboveZero, closed, optional, size } from "../schema/basics.js";
import { type Static, Type } from "../schema/typebox.js";
import { evenBoundaries, integerBoundaries, logBoundaries } from "./boundaries.js";
import { MOST_BOUNDARIES } from "./buckets.js";
import type { FieldContext } from "./kind.js";

export const numericDefaults = { transform: "raw", missing: 0 } as const;

/** Boundaries from `min` to `max` with `per_doubling` steps in each doubling. */
export const logBucketDefaults = { per_doubling: 4, min: 1, max: 2 ** 32 } as const;

const LogBuckets = Type.Object(
  {
    per_doubling: optional(
      size("Buckets per doubling of the value.", { maximum: 64, default: logBucketDefaults.per_doubling }),
    ),
    min: optional(aboveZero("First positive boundary; values from 0 up to it share a bucket.", logBucketDefaults.min)),
    max: optional(aboveZero("Maximum of the boundaries; larger values share a bucket.", logBucketDefaults.max)),
  },
  {
    ...closed,
    description:
      "Boundaries 0, min, … max, evenly spaced within each doubling. Negative values share a separate bucket.",
  },
);

const EvenBuckets = Type.Object(
  {
    width: Type.Number({ exclusiveMinimum: 0, description: "Width of a bucket." }),
    max: Type.Number({ exclusiveMinimum: 0, description: "Maximum of the boundaries." }),
  },
  { ...closed, description: "Boundaries 0, width, 2·width, … max. Negative values share a separate bucket." },
);

/** Transforms that keep a number continuous. */
export const continuous = ["raw", "log1p", "standardize"] as const;

/** Those that the model computes; the decoder computes all others, so decoded batches depend on them. */
export const modelTransforms: readonly string[] = ["raw", "standardize"];

/** The transform of a number. */
export const Transform = Type.Union(
  [
    Type.Enum([...continuous, "log1p-bucket"], {
      description:
        "raw: unchanged. log1p: sign(x)·ln(1+|x|). standardize: (x - mean) / standard deviation, from streaming statistics, clipped to ±10. log1p-bucket: one bucket for each integer from 0 to 8, then 4 buckets per doubling.",
    }),
    Type.Object(
      {
        buckets: optional(
          Type.Array(Type.Number(), {
            minItems: 1,
            maxItems: MOST_BOUNDARIES,
            description: "Ascending boundaries; the bucket is the number of boundaries <= x.",
          }),
        ),
        log_buckets: optional(LogBuckets),
        even_buckets: optional(EvenBuckets),
      },
      { ...closed, description: "Exactly one of buckets, log_buckets, even_buckets." },
    ),
  ],
  { default: numericDefaults.transform, description: "Transform of the number." },
);

type TransformSource = Static<typeof Transform>;
type Continuous = (typeof continuous)[number];

/** True for transforms that keep the number continuous. */
export const isContinuous = (transform: TransformSource): transform is Continuous =>
  continuous.some((name) => name === transform);

/** The boundaries of a bucket transform. */
export function bucketBoundaries(
  transform: Exclude<TransformSource, Continuous>,
  { path, problems }: FieldContext,
): readonly number[] {
  const { per_doubling, min, max } = logBucketDefaults;
  if (transform === "log1p-bucket") return integerBoundaries(max, per_doubling);
  const at = `${path}.transform`;
  const { buckets, log_buckets: log, even_buckets: even } = transform;
  if ([buckets, log, even].filter((given) => given !== undefined).length !== 1) {
    problems.add(
      at,
      "needs exactly one of buckets, log_buckets, even_buckets",
      "e.g. transform: { buckets: [0, 10, 100] }",
    );
    return [0];
  }
  if (buckets) return checkAscending(buckets, `${at}.buckets`, problems);
  if (even) return evenBuckets(even.width, even.max, `${at}.even_buckets`, problems);
  return logBuckets({ per_doubling, min, max, ...log }, `${at}.log_buckets`, problems);
}

type Problems = FieldContext["problems"];

function checkAscending(boundaries: readonly number[], path: string, problems: Problems): readonly number[] {
  const wrong = boundaries.findIndex((boundary, i) => i > 0 && boundary <= boundaries[i - 1]);
  if (wrong > 0)
    problems.add(`${path}[${wrong}]`, "must be above the previous boundary", "write the boundaries in ascending order");
  return boundaries;
}

function evenBuckets(width: number, max: number, path: string, problems: Problems): number[] {
  const steps = max / width;
  if (steps < MOST_BOUNDARIES) return evenBoundaries(width, max);
  problems.add(path, `results in more than ${MOST_BOUNDARIES} boundaries`, "lower max or raise width");
  return [0];
}

function logBuckets(
  log: { per_doubling: number; min: number; max: number },
  path: string,
  problems: Problems,
): number[] {
  // What is out of range has been reported, and is not walked through: to infinity it would take forever.
  const finite = log.min > 0 && Number.isFinite(log.max);
  const boundaries = finite ? logBoundaries(log.min, log.max, log.per_doubling) : [];
  if (log.max < log.min) problems.add(path, `max ${log.max} is below min ${log.min}`, "raise max or lower min");
  if (boundaries.length > MOST_BOUNDARIES) {
    problems.add(path, `results in more than ${MOST_BOUNDARIES} boundaries`, "lower max or per_doubling, or raise min");
  }
  return boundaries;
}
