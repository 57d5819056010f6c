import { closed, NAME, optional, size, TABLE_NAME, text } from "../schema/basics.js";
import { type Static, Type } from "../schema/typebox.js";
import { eventKinds } from "../towers/index.js";
import { Calibration } from "./calibration.js";
import { defaults } from "./defaults.js";
import { Gate } from "./gate.js";
import { Join } from "./join.js";
import { MOST_POSITIVES } from "./label.js";
import { Lanes } from "./lanes.js";
import { Metrics } from "./metrics.js";
import { nested } from "./nested.js";
import { Events, Time } from "./schema-events.js";
import { Field } from "./schema-fields.js";
import { Poolings, Tower, Wide } from "./schema-model.js";
import { Table } from "./schema-tables.js";

const POSITIVE =
  'The positive label: a number ("1" also matches 1.0) or a text, a list of them, or a threshold (">= 4").';

const POSITIVES = "The positive labels, texts or numbers; any other label is negative.";
const [Word, Digits, Truth] = [
  text(POSITIVE),
  Type.Number({ description: POSITIVE }),
  Type.Boolean({ description: POSITIVE }),
];
const Positives = Type.Array(Type.Union([Word, Digits, Truth]), {
  minItems: 1,
  maxItems: MOST_POSITIVES,
  description: POSITIVES,
});

const Label = Type.Object(
  {
    field: optional(
      text("Column or path of the label; the same as `from`. Default label.", { default: defaults.label }),
    ),
    from: optional(text("Column or path of the label. Default label.", { default: defaults.label })),
    positive: optional(
      Type.Union([Word, Digits, Truth, Positives], { description: POSITIVE, default: defaults.positive }),
    ),
    soft: optional(
      Type.Boolean({
        default: defaults.soft,
        description: "The label is a probability from 0 to 1 instead of a class.",
      }),
    ),
    weight: optional(
      text(
        "Column or path of the importance weight, a number above 0 and at most a million. Default: weight 1 for every row.",
      ),
    ),
    time: optional(Time),
    id: optional(text("The same as events.id.")),
    prior: optional(
      Type.Number({
        exclusiveMinimum: 0,
        exclusiveMaximum: 1,
        description: "The initial prediction, a share of positives. Default: towers measure it in the first events.",
      }),
    ),
    oracle: optional(
      text(
        "Column or path of the true click probability in simulated data: it is evaluated like the model's scores, and never learned from.",
      ),
    ),
  },
  { ...closed, description: "The label: what the model learns to predict." },
);

const Train = Type.Object(
  {
    batch: optional(
      size(
        `Rows per update. Default ${defaults.train.batch}; ${eventKinds}: ${defaults.train.event_batch} (rows per message; they learn event by event).`,
        { maximum: 65536 },
      ),
    ),
    warmup: optional(
      Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description: `Towers: events over which the size of updates grows from a few rows to whole batches; 0: no warm-up. Default ${defaults.train.warmup_batches} batches.`,
      }),
    ),
    ...Lanes,
    seed: optional(
      Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        default: defaults.train.seed,
        description: "Seed of hashing and of all initial weights.",
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
    negative_sampling: optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: 1,
        default: 1,
        description: "Share of negatives that are learned; predictions are corrected for it.",
      }),
    ),
    nested: optional(nested("For every table: ")),
  },
  { ...closed, description: "Training options." },
);

/**
 * The shape of a model spec: the single source of `features/schema.json`, of the parser's checks and of the static
 * type.
 */
export const specSchema = Type.Object(
  {
    name: text("The model's name.", { pattern: NAME }),
    events: Events,
    label: optional(Label),
    join: optional(Join),
    fields: Type.Array(Field, {
      minItems: 1,
      description: "The inputs of the model.",
    }),
    tables: optional(
      Type.Record(Type.String({ pattern: TABLE_NAME }), Table, {
        ...closed,
        description: "The embedding tables, by name.",
      }),
    ),
    tower: Tower,
    wide: optional(Wide),
    ...Poolings,
    calibration: optional(Calibration),
    metrics: optional(Metrics),
    gate: optional(Gate),
    train: optional(Train),
  },
  {
    ...closed,
    title: "Hashbrook model spec",
    description: "A click-through model: its events, label, fields, tables and tower.",
  },
);

export type ModelSpec = Static<typeof specSchema>;
export type TableSource = Static<typeof Table>;

/** The text of `features/schema.json`. */
export function schemaJson(): string {
  return `${JSON.stringify({ $schema: "https://json-schema.org/draft/2020-12/schema", ...specSchema }, null, 2)}\n`;
}
