import { fromHex64, hex64 } from "../core/hash.js";
import { encodingKinds, kindOf, usual } from "../encodings/index.js";
import { calledType, fieldOf } from "../fields/index.js";
import { xxh64 } from "../kernels/hash.js";
import { type Problems, suggestion } from "../schema/problems.js";
import { learnsByEvent, towerOf } from "../towers/index.js";
import type { CompiledCell, CompiledField, CompiledTable, TowerKind } from "./compiled.js";
import { defaults } from "./defaults.js";
import { compileEncoding } from "./encodings.js";
import type { ExpandedField } from "./fields.js";
import { compileNested } from "./nested.js";
import { givenOptions } from "./own-options.js";
import { expand } from "./ranges.js";
import type { ModelSpec, TableSource } from "./schema.js";

const WIDE = "wide";
export const BIAS = "(bias)";
type Salt = "table" | "field";

/** The tables that embed fields, ordered by their first field in the spec. */
export function compileTables(
  spec: ModelSpec,
  kind: TowerKind,
  fields: readonly ExpandedField[],
  problems: Problems,
): CompiledTable[] {
  const sources = spec.tables ?? {};
  for (const { table, path } of fields) {
    if (table !== undefined && !Object.hasOwn(sources, table)) {
      problems.add(`${path}.table`, `table "${table}" is not defined`, suggestion(table, Object.keys(sources)));
    }
  }
  const used = new Set(
    fields.flatMap(({ table }) => (table !== undefined && Object.hasOwn(sources, table) ? [table] : [])),
  );
  for (const name of Object.keys(sources)) {
    if (!used.has(name))
      problems.add(`tables.${name}`, "no field uses this table", `remove it, or give a field \`table: ${name}\``);
  }
  const embedded = fields.filter(({ table }) => table !== undefined).length;
  return [...used].flatMap((name) =>
    tablesOf(name, sources[name], fields, problems).map((part) =>
      compileTable(part, `tables.${name}`, { spec, kind, embedded }, problems),
    ),
  );
}

interface Part {
  readonly name: string;
  readonly source: TableSource;
  readonly fields: readonly ExpandedField[];
}

/** The tables that a table of the spec becomes: usually itself; some encodings make one per field. */
function tablesOf(name: string, source: TableSource, all: readonly ExpandedField[], problems: Problems): Part[] {
  const fields = all.filter(({ table }) => table === name);
  const { dim = defaults.table.dim } = source;
  const whole = { name, dim, source, fields: fields.map(({ field }) => field.name) };
  for (const kind of encodingKinds) {
    const parts = kindOf(kind).split?.(givenOptions(source, kind), whole, `tables.${name}.${kind}`, problems);
    if (parts)
      return parts.map((part, i) => ({ name: part.name, source: part.source as TableSource, fields: [fields[i]] }));
  }
  return [{ name, source, fields }];
}

/** The table of the spec that a compiled table is part of. */
interface Whole {
  readonly spec: ModelSpec;
  readonly kind: TowerKind;
  /** Number of fields that have a table. */
  readonly embedded: number;
}

function compileTable(part: Part, path: string, whole: Whole, problems: Problems): CompiledTable {
  const { name, source, fields } = part;
  const { spec, kind } = whole;
  if (name === WIDE) problems.add(path, `"${WIDE}" is reserved for the table of the wide part`, "rename this table");
  const { table: rules } = towerOf(kind);
  const { dim, init, salt } = { ...defaults.table, ...rules?.defaults, ...definedKeys(source) };
  if (rules?.only && dim !== rules.only.dim)
    problems.add(`${path}.dim`, `must be ${rules.only.dim} for ${kind}, got ${dim}`, `remove it: ${rules.only.why}`);
  const linear = learnsByEvent(kind);
  const embedded = fields.map(({ field }) => field);
  const kept = source.salt ?? kindOf(source.encoding ?? usual.table).salt ?? salt;
  if (kept === "table" && source.salt === undefined) warnOfSharedKeys(embedded, path, problems);
  const cells = identity(name, trainSeed(spec), kept, linear ? [...embedded, "bias"] : embedded);
  const floats = rules?.dim?.(dim, whole.embedded) ?? dim;
  const context = { name, dim: floats, seed: cells.seed, path, problems, linear, init };
  const prefixes = compileNested(spec, source, { path, kind, dim }, problems);
  return { ...compileEncoding(source, context), role: "embedding", ...cells, ...prefixes };
}

/**
 * Warns if equal values of two fields share a row: the 3 of an item and the 3 of a category. A cross's key combines
 * several values and collides with no other.
 */
function warnOfSharedKeys(fields: readonly CompiledField[], path: string, problems: Problems): void {
  const names = fields.filter((field) => !("of" in field)).map(({ name }) => name);
  if (names.length < 2) return;
  const more = names.length > 5 ? ` and ${names.length - 4} more fields` : "";
  problems.warn(
    path,
    `equal values of ${names.slice(0, more ? 4 : 5).join(", ")}${more} share a row`,
    "write `salt: field` to give each field its own rows (right for unrelated fields), or `salt: table` if equal values mean the same thing",
  );
}

const definedKeys = (source: TableSource): TableSource =>
  Object.fromEntries(Object.entries(source).filter(([, value]) => value !== undefined));

/** The linear part beside a tower: a hashed table of single weights, whose sum is added to the logit. */
export function compileWide(
  spec: ModelSpec,
  fields: readonly ExpandedField[],
  problems: Problems,
): CompiledTable | undefined {
  const { wide } = spec;
  if (!wide) return undefined;
  if (wide.bits !== undefined && wide.rows !== undefined) {
    problems.add("wide.rows", "bits and rows are both given", "keep one of them: rows = 2^bits");
  }
  const names = wide.fields.flatMap((text, i) =>
    expand(text, `wide.fields[${i}]`, problems).map((name) => ({ name, path: `wide.fields[${i}]` })),
  );
  const cells = identity(WIDE, trainSeed(spec), wide.salt ?? defaults.wide.salt, wideFields(names, fields, problems));
  const source = {
    encoding: usual.wide,
    rows: wide.rows ?? 2 ** (wide.bits ?? defaults.wide.bits),
    ...(wide.optimizer !== undefined && { optimizer: wide.optimizer }),
  };
  const init = wide.init ?? defaults.wide.init;
  const context = { name: WIDE, dim: 1, seed: cells.seed, path: WIDE, problems, linear: true, init };
  return { ...compileEncoding(source, context), role: "wide", ...cells };
}

function wideFields(
  names: readonly { name: string; path: string }[],
  fields: readonly ExpandedField[],
  problems: Problems,
): CompiledField[] {
  const known = fields.map(({ field }) => field.name);
  return names.flatMap(({ name, path }, i) => {
    const field = fields.find((candidate) => candidate.field.name === name)?.field;
    if (!field) problems.add(path, `"${name}" is not a field`, suggestion(name, known));
    else if (!fieldOf(field.type).cell)
      problems.add(path, `"${name}" is ${calledType(field)}, which feeds the tower only`, "remove it");
    else if (names.findIndex((other) => other.name === name) !== i)
      problems.add(path, `"${name}" is listed twice`, "list it once");
    else return [field];
    return [];
  });
}

export const trainSeed = (spec: ModelSpec): bigint => BigInt(spec.train?.seed ?? defaults.train.seed);

/** A table's seed and cells: singles, then bags, then numbers, then the bias; each in the order of `fields`. */
function identity(
  name: string,
  seed: bigint,
  salt: Salt,
  fields: readonly (CompiledField | "bias")[],
): Pick<CompiledTable, "seed" | "cells"> {
  const tableSeed = tableSeedOf(name, seed);
  const cells = fields.map((field): CompiledCell => {
    const fieldName = field === "bias" ? BIAS : field.name;
    const cellSeed = salt === "table" ? tableSeed : xxh64(fieldName, tableSeed);
    return { field: fieldName, kind: field === "bias" ? "bias" : fieldOf(field.type).cell!, seed: hex64(cellSeed) };
  });
  const order = ["single", "bag", "number", "bias"];
  return { seed: hex64(tableSeed), cells: cells.toSorted((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind)) };
}

const tableSeedOf = (name: string, seed: bigint): bigint => xxh64(name, seed);

/** Whether a table's seeds are those that follow from its name and its fields' names. */
export function hasOwnSeeds(table: CompiledTable, seed: number): boolean {
  const tableSeed = tableSeedOf(table.name, BigInt(seed));
  const salted = (cell: CompiledCell): boolean => fromHex64(cell.seed) === xxh64(cell.field, tableSeed);
  const shared = (cell: CompiledCell): boolean => fromHex64(cell.seed) === tableSeed;
  return fromHex64(table.seed) === tableSeed && (table.cells.every(salted) || table.cells.every(shared));
}
