import { canonicalJson, hex64 } from "../core/hash.js";
import { isObject } from "../core/json.js";
import { decodedField } from "../fields/index.js";
import { xxh64 } from "../kernels/hash.js";
import type { CompiledField, CompiledSpec, CompiledTable, EventFormat, JoinSpec, LabelSpec } from "./compiled.js";

/** The part of a field that affects decoding: what its value is read from, and how. */
export interface FieldIdentity {
  /** Hashed in tables and crosses. */
  readonly name: string;
  readonly type: CompiledField["type"];
  /** The options that the decoder reads, by their names in a compiled spec; `log1p: true`. */
  readonly [option: string]: unknown;
}

/** The part of a table that affects decoding: which keys are adjacent, and their seeds. */
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
 * The part of a spec that determines the bytes of its decoded batches, rejected rows and distinct counts, as plain
 * JSON. It omits how ids become vectors (encoding, dim, rows, precision, admission, optimizer, initial weights,
 * poolings), the tower, rates, windows, sampling, how missing or standardized numbers are filled in, and the batch size
 * (`spec.batch`), which only cuts the same rows differently.
 *
 * A table's name is included, since keys are hashed with it, and so is `salt`, whose default depends on the encoding.
 */
export interface DecodeIdentity {
  /** XXH64 (seed 0) of the canonical JSON of `value`, 16 hex digits. */
  readonly hash: string;
  readonly value: {
    readonly events: EventFormat;
    /** If labels come from clicks. */
    readonly join?: JoinSpec;
    readonly label: Pick<LabelSpec, "from" | "positive" | "soft" | "weight" | "time" | "id" | "key" | "oracle">;
    readonly fields: readonly FieldIdentity[];
    readonly tables: readonly TableIdentity[];
    /** The seed of the parts of crosses (`train.seed`); absent if there are no crosses. */
    readonly crosses?: number;
  };
}

/** Specs with equal hashes decode events identically, so they can share decoded batches of the same capacity. */
export function decodeIdentity(spec: CompiledSpec): DecodeIdentity {
  const { from, positive, soft, weight, time, id, key, oracle } = spec.label;
  const crosses = spec.fields.some((field) => "of" in field) ? { crosses: spec.seed } : {};
  const value = {
    events: spec.events,
    ...(spec.join ? { join: spec.join } : {}),
    label: { from, positive, ...(soft ? { soft } : {}), weight, time, id, ...(key ? { key } : {}), oracle },
    fields: spec.fields.map(decodedField),
    tables: spec.tables.map(tableIdentity).filter(({ singles, bags }) => singles.length + bags.length > 0),
    ...crosses,
  };
  return { hash: hex64(xxh64(canonicalJson(value))), value };
}

function tableIdentity({ cells }: CompiledTable): TableIdentity {
  const of = (wanted: "single" | "bag") =>
    cells.filter(({ kind }) => kind === wanted).map(({ field, seed }) => ({ field, seed }));
  return { singles: of("single"), bags: of("bag") };
}

/** Most differences that are listed. */
const MOST_NAMED = 4;

/**
 * The differences between two identities, in words: `label.positive.equals: "1", not "2"; field C7: nothing, not
 * {"from":"C7",…}`.
 * @param ours the existing one; `theirs` is the required one
 * @returns "" if there are none
 */
export function identityDifference({ value: ours }: DecodeIdentity, { value: theirs }: DecodeIdentity): string {
  const named = [...differences(byName(ours), byName(theirs), "")];
  const all = named.length > 0 ? named : [...differences(order(ours), order(theirs), "fields")];
  const more = all.length > MOST_NAMED ? [`and ${all.length - MOST_NAMED} more differences`] : [];
  return [...all.slice(0, MOST_NAMED), ...more].join("; ");
}

type Value = DecodeIdentity["value"];

/** Fields and their keys by name, so that an added field does not make all later ones differ. */
function byName({ fields, tables, ...rest }: Value): Readonly<Record<string, unknown>> {
  const named = fields.map(({ name, ...options }) => [`field ${name}`, options] as const);
  const keys = fields.map(({ name }) => [`keys of ${name}`, keysOf(tables, name)] as const);
  return { ...rest, ...Object.fromEntries(named), ...Object.fromEntries(keys) };
}

/** The seeds of a field's keys. */
function keysOf(tables: readonly TableIdentity[], name: string): readonly string[] {
  const cells = tables.flatMap(({ singles, bags }) => [...singles, ...bags]);
  return cells.filter(({ field }) => field === name).map(({ seed }) => `seed ${seed}`);
}

/** The order of the fields, and of their keys. */
const order = ({ fields, tables }: Value) => [fields.map(({ name }) => name), tables];

/** Members that differ, at any depth. */
function* differences(ours: unknown, theirs: unknown, path: string): Generator<string> {
  if (shown(ours, Number.POSITIVE_INFINITY) === shown(theirs, Number.POSITIVE_INFINITY)) return;
  if (!isTree(ours) || !isTree(theirs)) {
    yield `${path}: ${shown(ours)}, not ${shown(theirs)}`;
    return;
  }
  for (const key of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
    const inner = Array.isArray(ours) ? `${path}[${key}]` : path ? `${path}.${key}` : key;
    yield* differences(ours[key], theirs[key], inner);
  }
}

const isTree = (value: unknown): value is Readonly<Record<string, unknown>> => isObject(value) || Array.isArray(value);

/** A value, shortened. */
function shown(value: unknown, most = 80): string {
  const text = value === undefined ? "nothing" : canonicalJson(value);
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}
