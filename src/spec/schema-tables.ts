import { usualOptimizer } from "../optimizers/index.js";
import { optimizer } from "../optimizers/schema.js";
import { aboveZero, atLeastZero, closed, optional, size } from "../schema/basics.js";
import { Type } from "../schema/typebox.js";
import { tableDefaults } from "../towers/index.js";
import { defaults } from "./defaults.js";
import { rows, salt } from "./schema-model.js";

const { dhe, hot_cold, shared, multi_hash, compositional, low_dim, admission } = defaults;
const whole = (description: string, value?: number, maximum = 2 ** 32 - 1) =>
  optional(Type.Integer({ minimum: 1, maximum, description, ...(value !== undefined && { default: value }) }));
const share = (description: string) => optional(Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1, description }));

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
      "Cells (4 bytes) of the filter that counts ids: it remembers at least a quarter as many occurrences.",
      admission.filter_capacity,
    ),
    admit_probability: share("Instead: the chance that an occurrence gives its id a row."),
  },
  { ...closed, description: "exact: which new ids get a row; the others share a default row." },
);

const Eviction = Type.Object(
  {
    policy: optional(
      Type.Enum(["lru", "lfu"], {
        description: "Which row makes room in a table that has its budget: least recently or least frequently learned.",
      }),
    ),
    expire_time: optional({
      ...Seconds,
      description: "Event time after which a row goes that was not learned from since: 7d, 12h, or seconds.",
    }),
    steps_to_live: whole(
      "Examples after which a row goes that was not learned from since.",
      undefined,
      Number.MAX_SAFE_INTEGER,
    ),
    l2_weight_threshold: optional(
      Type.Number({ exclusiveMinimum: 0, description: "Rows of weights with a smaller Euclidean norm go." }),
    ),
  },
  { ...closed, description: "exact: which rows are given up." },
);

const Shared = Type.Object(
  {
    lookups: whole("Rows a key is made of.", shared.lookups, 16),
    combine: optional(
      Type.Enum(["sum", "concat"], { default: shared.combine, description: "How its rows become a vector." }),
    ),
  },
  { ...closed, description: "shared: a key's vector is made of several rows of one pool." },
);

const Compositional = Type.Object(
  {
    partitions: optional(
      Type.Union(
        [
          Type.Integer({ minimum: 2, maximum: 16, description: "How many partitions of about equal size." }),
          Type.Array(Type.Integer({ minimum: 1, maximum: 2 ** 32 - 1, description: "Rows." }), {
            minItems: 2,
            maxItems: 16,
            description: "Rows of each partition.",
          }),
        ],
        { description: `Number or sizes of the partitions. Default ${compositional.partitions}.` },
      ),
    ),
    scheme: optional(
      Type.Enum(["mixed_radix", "chinese_remainder"], {
        default: compositional.scheme,
        description: "mixed_radix: digits of the id (two: remainder and quotient). chinese_remainder: its remainders.",
      }),
    ),
    combine: optional(
      Type.Enum(["add", "mult", "concat"], {
        default: compositional.combine,
        description: "How rows become a vector.",
      }),
    ),
    range: whole(
      "Ids are keys modulo this. Default: the product of the partitions.",
      undefined,
      Number.MAX_SAFE_INTEGER,
    ),
  },
  { ...closed, description: "compositional: a row of each partition, of a combination no other id below `range` has." },
);

const MultiHash = Type.Object(
  {
    hashes: whole("Candidate rows of a key.", multi_hash.hashes, 16),
    importance_rows: whole("Rows of importances, found by key modulo this. Default: as many as rows."),
  },
  { ...closed, description: "multi_hash: candidate rows, weighed by learned importances." },
);

const Dhe = Type.Object(
  {
    hashes: optional(size("Length of the code.", { default: dhe.hashes })),
    code: optional(Type.Enum(["uniform", "gaussian"], { default: dhe.code, description: "Distribution of the code." })),
    depth: whole("Hidden layers of the decoder.", dhe.depth, 16),
    width: optional(size("Units of a hidden layer.", { default: dhe.width })),
    activation: optional(
      Type.Enum(["mish", "relu"], { default: dhe.activation, description: "Of the hidden layers." }),
    ),
    batch_norm: optional(
      Type.Boolean({
        default: dhe.batch_norm,
        description: "Batch norm before every activation; serving uses running statistics.",
      }),
    ),
    optimizer: optimizer(dhe.optimizer),
    cache_rows: whole("Decoded vectors a scorer keeps.", dhe.cache_rows),
  },
  { ...closed, description: "dhe: hashes of the key, decoded by a small network; no rows." },
);

const LowDim = Type.Object(
  {
    dim: optional(size("Floats of a row, projected to the table's dim.", { default: low_dim.dim })),
    optimizer: optimizer(low_dim.optimizer),
    distinct: optional(
      Type.Object(
        {},
        {
          patternProperties: { "^.*$": Type.Integer({ minimum: 1, description: "Distinct ids of the field." }) },
          description: "Mixed dimensions: a table for each field, its dim by the field's distinct ids.",
        },
      ),
    ),
    alpha: optional(
      Type.Number({
        minimum: 0,
        maximum: 1,
        default: low_dim.alpha,
        description: "With distinct: dim x (fewest / distinct)^alpha.",
      }),
    ),
  },
  { ...closed, description: "low_dim: short rows, projected to dim by a learned matrix." },
);

const encodings = ["hash", "exact", "shared", "compositional", "multi_hash", "dhe", "hot_cold", "low_dim"] as const;

const options = {
  rows: rows(
    `hash, shared, multi_hash, compositional: the number of rows (required, or a budget). exact: rows to reserve at the start; default ${defaults.table.rows}. hot_cold: rows of hot ids.`,
  ),
  init: optional(
    atLeastZero(
      `A new row's weights are uniform in [-init, init]. Default ${defaults.table.init}; ${tableDefaults("init")}.`,
      defaults.table.init,
    ),
  ),
  optimizer: optimizer(usualOptimizer.table),
  precision: optional(
    Type.Enum(["f32", "f16", "int8", "q2.13"], {
      default: "f32",
      description: "How weights lie in memory while they learn. q2.13: lr's single weights in two bytes.",
    }),
  ),
  rounding: optional(
    Type.Enum(["stochastic", "nearest"], {
      default: "stochastic",
      description: "How weights are rounded to `precision`.",
    }),
  ),
  budget: optional({
    ...Bytes,
    description: "Bytes the table may take, everything counted. Sets rows where they are not given.",
  }),
  shards: optional(
    Type.Integer({
      minimum: 1,
      maximum: 64,
      description: "hash, exact: memories (of 4 GiB at most) the rows are split over.",
    }),
  ),
  admission: optional(Admission),
  eviction: optional(Eviction),
  shared: optional(Shared),
  compositional: optional(Compositional),
  multi_hash: optional(MultiHash),
  dhe: optional(Dhe),
  low_dim: optional(LowDim),
};

const encoding = <K extends string>(kinds: readonly K[], value: string, description: string) =>
  optional(Type.Enum([...kinds], { default: value, description }));

/** The cold part of a hot_cold table. */
export const Encoded = Type.Object(
  {
    encoding: encoding(
      encodings.filter((kind) => kind !== "hot_cold"),
      hot_cold.cold.encoding,
      "How cold ids are encoded.",
    ),
    ...options,
  },
  { ...closed, description: "What encodes cold ids." },
);

const HotCold = Type.Object(
  {
    hotness: optional(
      Type.Enum(["gradient", "frequency"], { default: hot_cold.hotness, description: "What an id's score sums up." }),
    ),
    threshold: optional(aboveZero("The score from which on an id is hot.", hot_cold.threshold)),
    decay: optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: 1,
        default: hot_cold.decay,
        description: "Scores are multiplied by this ...",
      }),
    ),
    decay_steps: whole("... every so many batches.", hot_cold.decay_steps),
    sketch_rows: whole("Ids the sketch of scores holds. Hot ids are not in it. Default: as many as rows."),
    cold: optional(Encoded),
  },
  { ...closed, description: "hot_cold: hot ids own a row, the others share." },
);

export const Table = Type.Object(
  {
    encoding: encoding(
      encodings,
      defaults.table.encoding,
      "exact: a row of its own for every key, growing. hash: key mod rows, a fixed size. The others compress: docs/COMPRESSION.md.",
    ),
    dim: optional(size(`Floats a row. Default ${defaults.table.dim}; ${tableDefaults("dim")}.`)),
    salt: salt(`table; shared: field; ${tableDefaults("salt")}`),
    ...options,
    hot_cold: optional(HotCold),
  },
  { ...closed, description: "A table of embeddings, shared by the fields that name it." },
);
