import { usualOptimizer } from "../optimizers/index.js";
import { Optimizer, optimizer } from "../optimizers/schema.js";
import { atLeastZero, closed, optional, share, whole } from "../schema/basics.js";
import * as compiled from "../schema/compiled.js";
import { type Compiled, type Static, type TObject, Type } from "../schema/typebox.js";

/** Defaults of the options below. */
export const defaults = {
  rows: 1024,
  init: 0.01,
  /** Default capacity of an admission filter; less if a tenth of the budget is less. */
  filter_capacity: 1_000_000,
} as const;

/** A number of bytes, also as a text: 200 MB, 1.5 GiB. */
const Bytes = Type.Union([
  Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description: "Bytes." }),
  Type.String({ minLength: 1, description: "Bytes with a unit: 200 MB, 1.5 GiB." }),
]);
/** Seconds, also as a text: 7d, 12h, 30m. */
const Seconds = Type.Union([
  Type.Number({ exclusiveMinimum: 0, description: "Seconds." }),
  Type.String({ minLength: 1, description: "A time with a unit: 7d, 12h, 30m, 90s." }),
]);

const Admission = Type.Object(
  {
    occurrence_threshold: optional(
      Type.Integer({
        minimum: 2,
        maximum: 65535,
        description: "Occurrences of an id before it gets a row of its own.",
      }),
    ),
    filter_capacity: whole(
      "Cells (4 bytes each) of the filter that counts ids; it covers at least a quarter as many occurrences.",
      defaults.filter_capacity,
    ),
    admit_probability: share("Instead: the chance that an occurrence gives its id a row."),
  },
  { ...closed, description: "which new ids get a row; the others share a default row." },
);

const Eviction = Type.Object(
  {
    policy: optional(
      Type.Enum(["lru", "lfu"], {
        description:
          "Which row is evicted when the table has reached its budget: the least recently or the least frequently updated one.",
      }),
    ),
    expire_time: optional({
      ...Seconds,
      description: "Rows are removed if not updated for this long, in event time: 7d, 12h, or seconds.",
    }),
    steps_to_live: whole(
      "Rows are removed if not updated within this number of examples.",
      undefined,
      Number.MAX_SAFE_INTEGER,
    ),
    l2_weight_threshold: optional(
      Type.Number({
        exclusiveMinimum: 0,
        description:
          "Rows whose weights have a smaller Euclidean norm are removed; in a full table with a policy they are evicted first.",
      }),
    ),
  },
  { ...closed, description: "which rows are removed." },
);

/** Row options in a spec, for every encoding. Which of them a kind supports: `encodings/kind.ts`. */
export const options = {
  rows: whole("Number of rows."),
  init: optional(atLeastZero("A new row's weights are uniform in [-init, init].", defaults.init)),
  optimizer: optimizer(usualOptimizer.table),
  precision: optional(
    Type.Enum(["f32", "f16", "int8", "int4", "int2", "q2.13"], {
      default: "f32",
      description:
        "Precision of weights in memory during training. q2.13: fixed point in two bytes, for lr's single weights.",
    }),
  ),
  rounding: optional(
    Type.Enum(["stochastic", "nearest"], {
      default: "stochastic",
      description: "Rounding of weights to `precision`.",
    }),
  ),
  budget: optional({
    ...Bytes,
    description:
      "Maximum size of the table in bytes, including everything. Determines the number of rows if that is not given.",
  }),
  shards: optional(
    Type.Integer({
      minimum: 1,
      maximum: 64,
      description: "number of memories (of up to 4 GiB each) over which the rows are split.",
    }),
  ),
  admission: optional(Admission),
  eviction: optional(Eviction),
};

export type TableOptions = Static<TObject<typeof options>>;

/**
 * Which new ids of an exact store get a row. The others share one default row. Exactly one of threshold and probability
 * is present.
 */
const admission = {
  /** Occurrences before an id gets a row, 2 to 65535. */
  occurrence_threshold: Type.Optional(Type.Integer({ minimum: 2, maximum: 65535 })),
  /** occurrence_threshold: counters of the filter that counts unadmitted ids. */
  filter_capacity: Type.Optional(compiled.rows),
  /** The probability that an occurrence admits its id, above 0 and below 1. */
  admit_probability: Type.Optional(compiled.share),
};
export type AdmissionSpec = Compiled<typeof admission>;

/** Which rows of an exact store are removed. Each condition that is present applies. */
const eviction = {
  /** Seconds of event time since the row was last learned from. */
  expire_time: Type.Optional(compiled.aboveZero),
  /** Examples learned since the row was last learned from. */
  steps_to_live: Type.Optional(compiled.count(Number.MAX_SAFE_INTEGER)),
  /** Rows whose weights have a smaller Euclidean norm than this. */
  l2_weight_threshold: Type.Optional(compiled.aboveZero),
  /** Which row makes room in a full table. Absent: none, and a full table ends the run. */
  policy: Type.Optional(Type.Enum(["lru", "lfu"])),
};
export type EvictionSpec = Compiled<typeof eviction>;

/** The members of every encoding and store in a compiled spec, in addition to the encoding's kind. */
export const rowProperties = {
  /** Names its blocks `table/<name>/…` in a checkpoint and its rows in the delta log. */
  name: Type.String({ pattern: "^[A-Za-z_][A-Za-z0-9_-]{0,63}(\\.[a-z]+)*$" }),
  /** A fixed number of rows, or rows to reserve at the start. */
  rows: compiled.rows,
  dim: compiled.count(4096),
  /** A new row's weights are uniform in [-init, init], a function of key and seed alone. */
  init: compiled.atLeastZero,
  optimizer: Optimizer,
  seed: compiled.hex,
  /** Precision of a row's weights in memory while they learn. Absent: f32. */
  precision: Type.Optional(Type.Enum(["f16", "int8", "int4", "int2", "q2.13"])),
  /** How they are rounded. Absent: stochastically, by the model's seed. */
  rounding: Type.Optional(Type.Literal("nearest")),
  /**
   * Bytes of index and rows it never exceeds; at that size `eviction.policy` makes room. Absent: limited by its memory.
   */
  budget: Type.Optional(compiled.count(Number.MAX_SAFE_INTEGER)),
  admission: Type.Optional(Type.Object(admission, closed)),
  eviction: Type.Optional(Type.Object(eviction, closed)),
  /** Number of memories the keys are split over. Absent: 1. */
  shards: Type.Optional(compiled.count(64)),
};

/** The common part of all encodings: a table without its cells and its kind's own options. */
export type EncodingBase = Compiled<typeof rowProperties> & { readonly encoding: string };

/** A store of rows: a fixed number of them (hash), or one per key (exact). */
export type StoreSpec = Omit<EncodingBase, "encoding" | "shards"> & { readonly encoding: "hash" | "exact" };
