import { canonicalJson, hex64 } from "../core/hash.js";
import { isObject } from "../core/json.js";
import { xxh64 } from "../kernels/hash.js";
import type { CompiledField, CompiledSpec, CompiledTable, EventFormat, JoinSpec, LabelSpec } from "./compiled.js";

/** A field, as far as it decides what is decoded: what its value is made of. */
export interface FieldIdentity {
  /** In tables and crosses it is hashed by its name. */
  readonly name: string;
  readonly type: CompiledField["type"];
  /** The options that the decoder reads, by their names in a compiled spec; `log1p` of a number whose transform that is. */
  readonly [option: string]: unknown;
}

/** A table, as far as it decides what is decoded: which keys lie side by side, and what they are hashed by. */
export interface TableIdentity {
  readonly singles: readonly KeyIdentity[];
  readonly bags: readonly KeyIdentity[];
}

interface KeyIdentity {
  readonly field: string;
  /** 16 hex digits. */
  readonly seed: string;
}

/**
 * What of a spec decides the bytes of its decoded batches, rejected rows and counts of distinct values: plain JSON. It leaves out how ids become
 * vectors (encoding, dim, rows, precision, admission, optimizer, initial weights, poolings), the tower, rates, windows, sampling, how
 * missing or standardized numbers are filled in, and the rows of a batch (`spec.batch`), which cuts the same rows elsewhere.
 *
 * A table's name decides, since keys are hashed by it, and so does `salt`, whose default some encodings change.
 */
export interface DecodeIdentity {
  /** XXH64 (seed 0) of the canonical JSON of `value`, 16 hex digits. */
  readonly hash: string;
  readonly value: {
    readonly events: EventFormat;
    /** Where labels come from clicks. */
    readonly join?: JoinSpec;
    readonly label: Pick<LabelSpec, "from" | "positive" | "soft" | "weight" | "time" | "id" | "key" | "oracle">;
    readonly fields: readonly FieldIdentity[];
    readonly tables: readonly TableIdentity[];
    /** What the parts of crosses are hashed by (`train.seed`); absent where there are none. */
    readonly crosses?: number;
  };
}

/** What of a spec decides how its events are decoded: specs of equal hashes can share decoded batches of one capacity. */
export function decodeIdentity(spec: CompiledSpec): DecodeIdentity {
  const { from, positive, soft, weight, time, id, key, oracle } = spec.label;
  const crosses = spec.fields.some((field) => "of" in field) ? { crosses: spec.seed } : {};
  const value = {
    events: spec.events,
    ...(spec.join ? { join: spec.join } : {}),
    label: { from, positive, ...(soft ? { soft } : {}), weight, time, id, ...(key ? { key } : {}), oracle },
    fields: spec.fields.map(fieldIdentity),
    tables: spec.tables.map(tableIdentity).filter(({ singles, bags }) => singles.length + bags.length > 0),
    ...crosses,
  };
  return { hash: hex64(xxh64(canonicalJson(value))), value };
}

/** Options of fields that only the model reads: what is laid into a batch does not depend on them. */
const ofModel = new Set(["missing", "half_life", "combiner", "transform"]);

function fieldIdentity(field: CompiledField): FieldIdentity {
  const { name, type, ...options } = field;
  const read = Object.entries(options).filter(([option]) => !ofModel.has(option));
  const log1p = "transform" in field && field.transform === "log1p" ? { log1p: true } : {};
  return { name, type, ...Object.fromEntries(read), ...log1p };
}

function tableIdentity({ cells }: CompiledTable): TableIdentity {
  const of = (wanted: "single" | "bag") =>
    cells.filter(({ kind }) => kind === wanted).map(({ field, seed }) => ({ field, seed }));
  return { singles: of("single"), bags: of("bag") };
}

/** Differences that are named one by one. */
const MOST_NAMED = 4;

/**
 * What two identities differ in, for people: `label.positive.equals: "1", not "2"; field C7: nothing, not {"from":"C7",…}`.
 * @param ours what there is, `theirs` what there should be
 * @returns "" where nothing does
 */
export function identityDifference({ value: ours }: DecodeIdentity, { value: theirs }: DecodeIdentity): string {
  const named = [...differences(byName(ours), byName(theirs), "")];
  const all = named.length > 0 ? named : [...differences(order(ours), order(theirs), "fields")];
  const more = all.length > MOST_NAMED ? [`and ${all.length - MOST_NAMED} more differences`] : [];
  return [...all.slice(0, MOST_NAMED), ...more].join("; ");
}

type Value = DecodeIdentity["value"];

/** Fields by their names, and their keys: an added one does not make all those behind it differ. */
function byName({ fields, tables, ...rest }: Value): Readonly<Record<string, unknown>> {
  const named = fields.map(({ name, ...options }) => [`field ${name}`, options] as const);
  const keys = fields.map(({ name }) => [`keys of ${name}`, keysOf(tables, name)] as const);
  return { ...rest, ...Object.fromEntries(named), ...Object.fromEntries(keys) };
}

/** What a field's keys are hashed by. */
function keysOf(tables: readonly TableIdentity[], name: string): readonly string[] {
  const cells = tables.flatMap(({ singles, bags }) => [...singles, ...bags]);
  return cells.filter(({ field }) => field === name).map(({ seed }) => `seed ${seed}`);
}

/** The fields' order, and that of their keys. */
const order = ({ fields, tables }: Value) => [fields.map(({ name }) => name), tables];

/** Members that differ, at any depth. */
function* differences(ours: unknown, theirs: unknown, path: string): Generator<string> {
  if (told(ours, Number.POSITIVE_INFINITY) === told(theirs, Number.POSITIVE_INFINITY)) return;
  if (!isTree(ours) || !isTree(theirs)) {
    yield `${path}: ${told(ours)}, not ${told(theirs)}`;
    return;
  }
  for (const key of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
    const inner = Array.isArray(ours) ? `${path}[${key}]` : path ? `${path}.${key}` : key;
    yield* differences(ours[key], theirs[key], inner);
  }
}

const isTree = (value: unknown): value is Readonly<Record<string, unknown>> => isObject(value) || Array.isArray(value);

/** A value, shortened. */
function told(value: unknown, most = 80): string {
  const text = value === undefined ? "nothing" : canonicalJson(value);
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}
