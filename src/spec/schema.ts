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
  'A positive label, a number ("1", also written 1.0) or a text, a list of them, or a threshold (">= 4").';

const POSITIVES = "Positive labels, texts and numbers; any other label is a negative.";
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
    field: optional(text("Where the label is; the same as `from`. Default label.", { default: defaults.label })),
    from: optional(text("Where the label is. Default label.", { default: defaults.label })),
    positive: optional(
      Type.Union([Word, Digits, Truth, Positives], { description: POSITIVE, default: defaults.positive }),
    ),
    soft: optional(
      Type.Boolean({
        default: defaults.soft,
        description: "The label is a probability from 0 to 1, learned as it is, instead of a class.",
      }),
    ),
    weight: optional(
      text("Where the importance weight is, a number > 0, at most a million. Default: every row weighs 1."),
    ),
    time: optional(Time),
    id: optional(text("The same as events.id.")),
    prior: optional(
      Type.Number({
        exclusiveMinimum: 0,
        exclusiveMaximum: 1,
        description:
          "The share of positives that predictions start from. Default: a tower finds it in the first events.",
      }),
    ),
    oracle: optional(
      text("Where simulated data keeps the true click probability: scored beside the model, never learned from."),
    ),
  },
  { ...closed, description: "What is learned." },
);

const Train = Type.Object(
  {
    batch: optional(
      size(
        `Rows learned per update. Default ${defaults.train.batch}; ${eventKinds}: ${defaults.train.event_batch} (rows handed over at once; they learn event by event).`,
        { maximum: 65536 },
      ),
    ),
    warmup: optional(
      Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description: `Towers: events over which steps grow from a few rows to whole batches; 0: none. Default ${defaults.train.warmup_batches} batches.`,
      }),
    ),
    ...Lanes,
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
    negative_sampling: optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: 1,
        default: 1,
        description: "The share of negatives that is learned; what the model tells is corrected for it.",
      }),
    ),
    nested: optional(nested("Of every table: ")),
  },
  { ...closed, description: "How it is learned." },
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
      description: "What the model sees of an event.",
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
    description: "One click-through model: events, label, fields, tables, tower.",
  },
);

export type ModelSpec = Static<typeof specSchema>;
export type TableSource = Static<typeof Table>;

/** The text of `features/schema.json`. */
export function schemaJson(): string {
  return `${JSON.stringify({ $schema: "https://json-schema.org/draft/2020-12/schema", ...specSchema }, null, 2)}\n`;
}
