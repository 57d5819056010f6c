import { HashbrookError } from "../core/errors.js";
import { type EncodingKind, encodingKinds, kindOf, plainKinds } from "../encodings/index.js";
import { fieldKinds, fieldOf, isBag, isCrossable, isNumber } from "../fields/index.js";
import { Optimizer } from "../optimizers/schema.js";
import { closed } from "../schema/basics.js";
import { count, hex, nullValues, orNull, text } from "../schema/compiled.js";
import { type Static, type TProperties, Type } from "../schema/typebox.js";
import { type Validator, validator } from "../schema/validator.js";
import { rowProperties } from "../tables/spec.js";
import { towerKinds, towerOf } from "../towers/index.js";
import { CompiledCalibration, hasKeys } from "./calibration.js";
import {
  type CompiledField,
  type CompiledSpec,
  type CompiledTable,
  type CompiledTower,
  formats,
  type TowerKind,
} from "./compiled.js";
import { CompiledGate } from "./gate.js";
import { MOST_KEYS } from "./join.js";
import { MOST_POSITIVES } from "./label.js";
import { CompiledLanes } from "./lanes.js";
import { CompiledMetrics } from "./metrics.js";
import { nestedDisagreement } from "./nested.js";
import { Poolings, poolingDisagreement } from "./poolings.js";
import { BIAS, hasOwnSeeds } from "./tables.js";
import { MOST_ZONE } from "./time.js";

const MessageType = Type.Object({ from: text, is: Type.Array(text, { minItems: 1 }) }, closed);

const Events = Type.Object(
  {
    format: Type.Enum([...formats]),
    columns: Type.Array(text),
    header: Type.Boolean(),
    separator: Type.String({ maxLength: 1 }),
    trim: Type.Optional(Type.Literal(true)),
    null_values: Type.Optional(nullValues),
    numbers_as_strings: Type.Optional(Type.Literal(true)),
    schema: Type.Optional(text),
    message: Type.Optional(text),
    within: Type.Optional(text),
    envelope: Type.Optional(Type.Literal("cloudevents")),
    type: Type.Optional(MessageType),
  },
  closed,
);

const Time = Type.Object(
  {
    from: text,
    unit: Type.Enum(["s", "ms", "us", "ns"]),
    zone: Type.Optional(Type.Integer({ minimum: -MOST_ZONE, maximum: MOST_ZONE })),
  },
  closed,
);

const Correct = Type.Object(
  {
    method: Type.Enum(["plain", "fnw", "fnc"]),
    ages: Type.Array(Type.Integer({ minimum: 1 }), { minItems: 1, maxItems: 16 }),
    wait: Type.Optional(Type.Integer({ minimum: 1 })),
  },
  closed,
);

const key = Type.Optional(Type.Array(text, { minItems: 1, maxItems: MOST_KEYS }));
const LabelStream = Type.Object(
  { events: Events, id: orNull(text), key, time: Time, type: Type.Optional(MessageType) },
  closed,
);

const Join = Type.Object(
  {
    clicks: LabelStream,
    conversions: Type.Optional(LabelStream),
    window: Type.Integer({ minimum: 1 }),
    lateness: Type.Integer({ minimum: 0 }),
    skew: Type.Integer({ minimum: 0 }),
    correct: Type.Optional(Correct),
  },
  closed,
);

const Label = Type.Object(
  {
    from: text,
    positive: Type.Union([
      Type.Object({ equals: text }, closed),
      Type.Object({ any_of: Type.Array(text, { minItems: 1, maxItems: MOST_POSITIVES }) }, closed),
      Type.Object({ at_least: Type.Number() }, closed),
    ]),
    soft: Type.Optional(Type.Literal(true)),
    weight: orNull(text),
    time: orNull(Time),
    id: orNull(text),
    key,
    id_window: Type.Optional(count(2 ** 30)),
    prior: Type.Optional(Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1 })),
    oracle: orNull(text),
  },
  closed,
);

const Field = Type.Unsafe<CompiledField>(
  Type.Union(
    Object.entries(fieldKinds).map(([type, { compiled }]) =>
      Type.Object({ name: text, type: Type.Literal(type), ...compiled }, closed),
    ),
  ),
);

const cells = Type.Array(
  Type.Object(
    {
      field: text,
      kind: Type.Enum(["single", "bag", "number", "bias"]),
      items: Type.Optional(count(4096)),
      prefix: Type.Optional(count(4096)),
      seed: hex,
    },
    closed,
  ),
  { minItems: 1 },
);
const role = Type.Enum(["embedding", "wide"]);
const nested = Type.Optional(Type.Array(count(4096), { minItems: 1, maxItems: 4096 }));
const padded_dim = Type.Optional(count(4096));
const Table = Type.Unsafe<CompiledTable>(
  Type.Object({ ...encodingProperties(encodingKinds), role, cells, nested, padded_dim }, closed),
);

/** The members of an encoding whose kind is one of `kinds`. A nested encoding has none nested inside. */
function encodingProperties(kinds: readonly EncodingKind[]): TProperties {
  const own = kinds.flatMap((kind) => {
    const { compiled, inner } = kindOf(kind);
    if (!compiled) return [];
    const inside = inner && { [inner.option]: Type.Object(encodingProperties(plainKinds), closed) };
    return [[kind, Type.Optional(Type.Object({ ...compiled, ...inside }, closed))] as const];
  });
  return { encoding: Type.Enum([...encodingKinds]), ...rowProperties, ...Object.fromEntries(own) };
}

/** What all towers have; a kind's own options are checked by `checkTower`. */
const tower = { optimizer: Optimizer, runtime: Type.Enum(["onnxruntime", "tensorflow"]) };
const Tower = Type.Unsafe<CompiledTower>(Type.Object({ kind: Type.Enum([...towerKinds]), ...tower }));

const Compiled = Type.Object(
  {
    name: text,
    seed: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    batch: count(65536),
    warmup: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
    lanes: Type.Optional(CompiledLanes),
    window: count(2 ** 31 - 1),
    negative_sampling: Type.Optional(Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1 })),
    calibration: Type.Optional(CompiledCalibration),
    metrics: Type.Optional(CompiledMetrics),
    gate: Type.Optional(CompiledGate),
    events: Events,
    label: Label,
    join: Type.Optional(Join),
    fields: Type.Array(Field, { minItems: 1 }),
    tables: Type.Array(Table),
    numbers: Type.Array(text),
    poolings: Type.Optional(Poolings),
    tower: Tower,
  },
  closed,
);

/** Fails to compile when the schema above and the hand-written `CompiledSpec` differ. */
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never;
type Mutable<T> = T extends string | number | boolean | null ? T : { -readonly [K in keyof T]: Mutable<T[K]> };
true satisfies Same<Mutable<Static<typeof Compiled>>, Mutable<CompiledSpec>>;

const compiledOf = validator(Compiled);
const checkTower = (kind: TowerKind): Validator<object> =>
  validator(Type.Object({ kind: Type.Literal(kind), ...towerOf(kind).compiled, ...tower }, closed));

/**
 * Parses and validates the compiled spec of a checkpoint.
 * @throws HashbrookError("checkpoint_damaged") that names what is wrong
 */
export function compiledFromJson(json: string): CompiledSpec {
  const value: CompiledSpec = compiledOf(parseJson(json), damaged);
  checkTower(value.tower.kind)(value.tower, (what) => damaged(`/tower${what}`));
  const wrong = disagreement(value);
  if (wrong !== undefined) throw damaged(wrong);
  return value;
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw damaged("not JSON", cause);
  }
}

const damaged = (what: string, cause?: unknown): HashbrookError =>
  new HashbrookError("checkpoint_damaged", `compiled spec: ${what}`, {
    hint:
      "a newer version of Hashbrook may have written it: use that one. If this is the version that wrote it, it was " +
      "modified: use another checkpoint, or train again",
    cause,
  });

/** A contradiction between parts of the spec, if there is one. */
function disagreement(spec: CompiledSpec): string | undefined {
  const fields = new Map(spec.fields.map((field) => [field.name, field]));
  const names = spec.tables.map(({ name }) => name);
  const numeric = spec.fields.filter(isNumber).map(({ name }) => name);
  if (fields.size !== spec.fields.length) return "two fields have the same name";
  if (new Set(names).size !== names.length) return "two tables have the same name";
  if (numeric.join() !== spec.numbers.join()) return "/numbers are not the numeric fields";
  for (const field of spec.fields) {
    const wrong = fieldDisagreement(field, fields);
    if (wrong !== undefined) return `field ${field.name} ${wrong}`;
  }
  for (const table of spec.tables) {
    const wrong = tableDisagreement(table, spec, fields);
    if (wrong !== undefined) return `table ${table.name} ${wrong}`;
  }
  const { lanes, batch } = spec;
  if (lanes && lanes.count * lanes.round !== batch) return "batch is not lanes × round";
  return towerDisagreement(spec) ?? poolingDisagreement(spec) ?? calibrationDisagreement(spec);
}

function fieldDisagreement(field: CompiledField, fields: ReadonlyMap<string, CompiledField>): string | undefined {
  const alone = fieldOf(field.type).disagreement?.(field);
  if (alone !== undefined || !("of" in field)) return alone;
  const wrong = field.of.find((name) => {
    const part = fields.get(name);
    return part === undefined || !isCrossable(part);
  });
  return wrong === undefined ? undefined : `crosses ${wrong}, which cannot be crossed`;
}

function tableDisagreement(
  table: CompiledTable,
  spec: CompiledSpec,
  fields: ReadonlyMap<string, CompiledField>,
): string | undefined {
  if (!hasOwnSeeds(table, spec.seed)) return "has seeds that do not match its names";
  const kinds = ["single", "bag", "number", "bias"];
  if (table.cells.some(({ kind }, i, all) => i > 0 && kinds.indexOf(kind) < kinds.indexOf(all[i - 1].kind)))
    return "has cells out of order";
  for (const { field: name, kind, items } of table.cells) {
    const field = fields.get(name);
    const right = kind === "bias" ? name === BIAS : field !== undefined && fieldOf(field.type).cell === kind;
    if (!right) return `has a ${kind} cell for ${name}`;
    const pooled = table.role === "wide" || !field || !isBag(field) || items !== field.max_length;
    if (items !== undefined && pooled) return `has ${items} item vectors of ${name}`;
  }
  if (new Set(table.cells.map(({ field }) => field)).size !== table.cells.length) return "has a field twice";
  return nestedDisagreement(table);
}

function calibrationDisagreement(spec: CompiledSpec): string | undefined {
  const { calibration, label, metrics, negative_sampling, tables } = spec;
  if (metrics && !hasKeys(tables, metrics.group)) return `metrics.group is ${metrics.group}, which no table embeds`;
  if (label.soft && negative_sampling !== undefined) return "soft labels have no negatives to sample";
  if (calibration?.by === undefined) return undefined;
  if (calibration.slices === undefined) return "calibration.slices is missing";
  return hasKeys(tables, calibration.by) ? undefined : `calibration.by is ${calibration.by}, which no table embeds`;
}

function towerDisagreement({ tower, tables }: CompiledSpec): string | undefined {
  const wide = tables.filter(({ role }) => role === "wide");
  if (wide.length > 1 || (wide.length === 1 && (tables.at(-1) !== wide[0] || wide[0].dim !== 1)))
    return "the wide table must be the last one and have dim 1";
  if (towerOf(tower.kind).learns === "events") {
    if (tables.length - wide.length !== 1) return `${tower.kind} must have exactly one table`;
    return tables[0].cells.at(-1)?.kind === "bias" ? undefined : `${tower.kind} has no bias`;
  }
  const dense = tables.some(({ cells, role }) =>
    cells.some(({ kind }) => kind === "bias" || (kind === "number" && role !== "wide")),
  );
  return dense ? `${tower.kind} has a bias or number cell in an embedding table` : undefined;
}
