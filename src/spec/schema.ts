import { type Static, Type } from "typebox";
import { defaults } from "./defaults.js";

/** Names of fields, tables and models. A range like `C1..C26` is a name too, until it is expanded. */
const NAME = "^[A-Za-z_][A-Za-z0-9_.-]{0,63}$";
const TABLE_NAME = "^[A-Za-z_][A-Za-z0-9_-]{0,63}$";

const closed = { additionalProperties: false };
const optional = Type.Optional;
const text = (description: string, options = {}) => Type.String({ minLength: 1, description, ...options });
const size = (description: string, options = {}) =>
  Type.Integer({ minimum: 1, maximum: 4096, description, ...options });
const atLeastZero = (description: string, value: number) => Type.Number({ minimum: 0, default: value, description });
const aboveZero = (description: string, value: number) =>
  Type.Number({ exclusiveMinimum: 0, default: value, description });
const widths = (description: string, value: readonly number[]) =>
  Type.Array(size("Units."), { maxItems: 64, default: value, description });
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

const Transform = Type.Union(
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

const rate = (value: number) => optional(aboveZero("Learning rate.", value));
const adagradKnobs = (kind: "adagrad" | "rowwise_adagrad") => ({
  learning_rate: rate(defaults.optimizer[kind].learning_rate),
  initial_accumulator: optional(
    atLeastZero("Sum of squared gradients to start from.", defaults.optimizer[kind].initial_accumulator),
  ),
  epsilon: optional(atLeastZero("Added to the root of the sum.", defaults.optimizer[kind].epsilon)),
});
const decay = (description: string, value: number) =>
  optional(Type.Number({ minimum: 0, exclusiveMaximum: 1, default: value, description }));
const { ftrl, adam, sgd } = defaults.optimizer;

const OptimizerKnobs = {
  ftrl: optional(
    Type.Object(
      {
        alpha: optional(
          aboveZero(`Learning rate. Default ${ftrl.alpha}; lr, fm, wide: ${defaults.linear_ftrl.alpha}.`, ftrl.alpha),
        ),
        beta: optional(
          atLeastZero(
            `Damps the first steps of a coordinate. Default ${ftrl.beta}; lr, fm, wide: ${defaults.linear_ftrl.beta}.`,
            ftrl.beta,
          ),
        ),
        l1: optional(atLeastZero("Lasso: makes weights exactly zero.", ftrl.l1)),
        l2: optional(atLeastZero("Ridge: shrinks weights.", ftrl.l2)),
        l21: optional(atLeastZero("Group lasso: makes whole rows exactly zero.", ftrl.l21)),
      },
      { ...closed, description: "FTRL-Proximal (McMahan 2013); with l21 > 0 group-lasso FTRL." },
    ),
  ),
  adagrad: optional(
    Type.Object(adagradKnobs("adagrad"), { ...closed, description: "AdaGrad, one accumulator a coordinate." }),
  ),
  rowwise_adagrad: optional(
    Type.Object(adagradKnobs("rowwise_adagrad"), { ...closed, description: "AdaGrad, one accumulator a row." }),
  ),
  adam: optional(
    Type.Object(
      {
        learning_rate: rate(adam.learning_rate),
        beta1: decay("Decay of the first moment.", adam.beta1),
        beta2: decay("Decay of the second moment.", adam.beta2),
        epsilon: optional(aboveZero("Added to the root of the second moment.", adam.epsilon)),
      },
      { ...closed, description: "Adam." },
    ),
  ),
  sgd: optional(
    Type.Object({ learning_rate: rate(sgd.learning_rate) }, { ...closed, description: "Plain gradient steps." }),
  ),
};

const optimizer = (value: string) =>
  optional(
    Type.Union(
      [
        Type.Enum(["ftrl", "adagrad", "rowwise_adagrad", "adam", "sgd"], {
          description: "An optimizer with its defaults.",
        }),
        Type.Object(OptimizerKnobs, { ...closed, description: "One optimizer with its knobs." }),
      ],
      { default: value, description: `The optimizer. Default ${value}.` },
    ),
  );

const salt = (value: string) =>
  optional(
    Type.Enum(["table", "field"], {
      description: `table: the same value in two fields of this table is the same key. field: fields are kept apart. Default ${value}.`,
    }),
  );
const rows = (description: string) => optional(Type.Integer({ minimum: 1, maximum: 2 ** 32 - 1, description }));
const init = (value: number) =>
  optional(atLeastZero(`A new row's weights are uniform in [-init, init]. Default ${value}.`, value));

const Table = Type.Object(
  {
    encoding: optional(
      Type.Enum(["hash", "exact"], {
        default: defaults.table.encoding,
        description: "exact: a row of its own for every key, growing. hash: key mod rows, a fixed size.",
        "x-not-in-this-version": ["shared", "compositional", "multi_hash", "dhe", "hot_cold", "low_dim"],
      }),
    ),
    rows: rows(
      `hash: the number of rows (required). exact: rows to reserve at the start; default ${defaults.table.rows}.`,
    ),
    dim: optional(
      size(`Floats a row. Default ${defaults.table.dim}; fm: factors, default ${defaults.fm.dim}; lr: always 1.`),
    ),
    init: optional(
      atLeastZero(
        `A new row's weights are uniform in [-init, init]. Default ${defaults.table.init}; lr: ${defaults.lr.init}.`,
        defaults.table.init,
      ),
    ),
    salt: salt("table; lr and fm: field"),
    optimizer: optimizer(defaults.table_optimizer),
  },
  { ...closed, description: "A table of embeddings, shared by the fields that name it." },
);

const Wide = Type.Object(
  {
    fields: Type.Array(text("A field, or a range of fields."), {
      minItems: 1,
      description: "Fields that get a weight of their own, added to the logit.",
    }),
    bits: optional(
      Type.Integer({ minimum: 1, maximum: 31, default: defaults.wide.bits, description: "rows = 2^bits." }),
    ),
    rows: rows("Number of rows, instead of bits."),
    init: init(defaults.wide.init),
    salt: salt(defaults.wide.salt),
    optimizer: optimizer(defaults.table_optimizer),
  },
  { ...closed, description: "A linear part beside the tower: one hashed table of single weights." },
);

const hidden = (value: readonly number[]) => optional(widths("Hidden widths of the MLP.", value));
const { deep_crossing, wide_deep, deepfm, dcn_v2, dlrm } = defaults.tower;

const TowerKnobs = {
  lr: optional(
    Type.Object({}, { ...closed, description: "Logistic regression: the sum of the weights. Learns event by event." }),
  ),
  fm: optional(Type.Object({}, { ...closed, description: "Factorization machine. Learns event by event." })),
  deep_crossing: optional(
    Type.Object(
      { residual: optional(widths("Inner width of each residual unit.", deep_crossing.residual)) },
      { ...closed, description: "Embeddings stacked, residual units, one logit (Shan 2016)." },
    ),
  ),
  wide_deep: optional(
    Type.Object({ hidden: hidden(wide_deep.hidden) }, { ...closed, description: "MLP beside `wide` (Cheng 2016)." }),
  ),
  deepfm: optional(
    Type.Object(
      { hidden: hidden(deepfm.hidden) },
      { ...closed, description: "FM and MLP over the same embeddings; `wide` is its linear part (Guo 2017)." },
    ),
  ),
  dcn_v2: optional(
    Type.Object(
      {
        hidden: hidden(dcn_v2.hidden),
        cross_layers: optional(size("Cross layers.", { maximum: 16, default: dcn_v2.cross_layers })),
        rank: optional(
          Type.Integer({
            minimum: 0,
            maximum: 4096,
            default: dcn_v2.rank,
            description: "Rank of each cross matrix; 0 = full.",
          }),
        ),
      },
      { ...closed, description: "Cross network beside an MLP (Wang 2021)." },
    ),
  ),
  dlrm: optional(
    Type.Object(
      {
        hidden: hidden(dlrm.hidden),
        bottom: optional(widths("Hidden widths of the MLP over the numbers.", dlrm.bottom)),
      },
      { ...closed, description: "Dot products of all embeddings, then an MLP (Naumov 2019)." },
    ),
  ),
};

const Tower = Type.Union(
  [
    Type.Enum(["lr", "fm", "deep_crossing", "wide_deep", "deepfm", "dcn_v2", "dlrm"], {
      description: "A tower with its defaults.",
    }),
    Type.Object(
      {
        ...TowerKnobs,
        optimizer: optimizer(defaults.tower_optimizer),
        runtime: optional(
          Type.Enum(["onnxruntime", "tensorflow"], {
            default: defaults.runtime,
            description: "What runs the dense graph.",
          }),
        ),
      },
      { ...closed, description: "One tower with its knobs, the optimizer of its dense weights, its runtime." },
    ),
  ],
  { description: "The model over the embeddings and numbers." },
);

const Time = Type.Union(
  [
    text("Where the event time is, in milliseconds since 1970."),
    Type.Object(
      {
        from: text("Where the event time is."),
        unit: optional(
          Type.Enum(["s", "ms"], { default: defaults.time_unit, description: "Seconds or milliseconds since 1970." }),
        ),
      },
      closed,
    ),
  ],
  { description: "Event time. A row without one is rejected." },
);

const Label = Type.Object(
  {
    field: optional(text("Where the label is; the same as `from`. Default label.", { default: defaults.label })),
    from: optional(text("Where the label is. Default label.", { default: defaults.label })),
    positive: optional(
      text('The text of a positive label ("1"), or a threshold (">= 4").', { default: defaults.positive }),
    ),
    weight: optional(text("Where the importance weight is, a number > 0. Default: every row weighs 1.")),
    time: optional(Time),
    id: optional(text("Where the event's id is.")),
    oracle: optional(
      text("Where simulated data keeps the true click probability: scored beside the model, never learned from."),
    ),
  },
  { ...closed, description: "What is learned." },
);

const Events = Type.Object(
  {
    format: Type.Enum(["tsv", "csv", "json", "vw"], {
      description: "tsv, csv: a line an event. json: an object a line. vw: Vowpal Wabbit text.",
      "x-not-in-this-version": ["libsvm"],
    }),
    columns: optional(
      Type.Array(text("A column, or a range: C1..C26."), {
        minItems: 1,
        description: "tsv, csv: the columns in file order (any order with header: true).",
      }),
    ),
    header: optional(
      Type.Boolean({
        default: defaults.header,
        description: "tsv, csv: the first line of every file names the columns; they are matched by name.",
      }),
    ),
    separator: optional(text("tsv, csv: one ASCII character. Default: a tab, a comma.")),
  },
  { ...closed, description: "How an event is written." },
);

const Train = Type.Object(
  {
    batch: optional(
      size(
        `Rows learned per update. Default ${defaults.train.batch}; lr, fm: ${defaults.train.event_batch} (rows handed over at once; they learn event by event).`,
        { maximum: 65536 },
      ),
    ),
    seed: optional(
      Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        default: defaults.train.seed,
        description: "Seeds hashing and all initial weights.",
      }),
    ),
    window: optional(
      Type.Integer({
        minimum: 1,
        maximum: 2 ** 31 - 1,
        default: defaults.train.window,
        description: "Events per metrics window.",
      }),
    ),
  },
  { ...closed, description: "How it is learned." },
);

/** The shape of a model spec: the one source of `features/schema.json`, of the parser's checks and of the static type. */
export const specSchema = Type.Object(
  {
    name: text("The model's name.", { pattern: NAME }),
    events: Events,
    label: optional(Label),
    fields: Type.Array(
      Type.Union([Categorical, Numeric, Bag, Cross, Vector], { description: "A field, by its type." }),
      {
        minItems: 1,
        description: "What the model sees of an event.",
      },
    ),
    tables: optional(
      Type.Record(Type.String({ pattern: TABLE_NAME }), Table, {
        ...closed,
        description: "The embedding tables, by name.",
      }),
    ),
    tower: Tower,
    wide: optional(Wide),
    train: optional(Train),
  },
  {
    ...closed,
    title: "Hashbrook model spec",
    description: "One click-through model: events, label, fields, tables, tower.",
  },
);

export type ModelSpec = Static<typeof specSchema>;
export type FieldSource = ModelSpec["fields"][number];
export type TableSource = Static<typeof Table>;
export type WideSource = Static<typeof Wide>;
export type OptimizerSource = NonNullable<TableSource["optimizer"]>;
export type TransformSource = Static<typeof Transform>;

/** The text of `features/schema.json`. */
export function schemaJson(): string {
  return `${JSON.stringify({ $schema: "https://json-schema.org/draft/2020-12/schema", ...specSchema }, null, 2)}\n`;
}
