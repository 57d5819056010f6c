import { canonicalJson } from "../core/hash.js";
import { kindOf } from "../encodings/index.js";
import type { CompiledSpec, CompiledTable } from "../spec/compiled.js";
import { decodeIdentity } from "../spec/decode-identity.js";
import { learnsByEvent, rowOf, towerOf } from "../towers/index.js";
import { storedTable } from "./distil.js";
import { sameState } from "./optimizer-state.js";

/** How a table can start from one of the same name. */
export type TableMatch =
  /** With the same bytes. */
  | { readonly how: "same"; readonly notes: readonly string[] }
  /** Row by row: each keeps its keys, and takes the floats at these positions of the old row (-1: fresh). */
  | { readonly how: "rows"; readonly columns: Int32Array; readonly copies: number; readonly notes: readonly string[] }
  /** By fitting it to the old vectors of the keys that the old table knows. */
  | { readonly how: "learned"; readonly columns: Int32Array; readonly notes: readonly string[] }
  | { readonly how: "refused"; readonly why: string };

/** Whether, and how, table `now` of `to` can start from table `old` of `from`. */
export function matchTable(from: CompiledSpec, old: CompiledTable, to: CompiledSpec, now: CompiledTable): TableMatch {
  const other = otherKeys(from, old, to, now);
  if (other) return { how: "refused", why: other };
  const columns = columnsOf(from, old, to, now);
  if (!columns)
    return {
      how: "refused",
      why: "its rows have a part for each other field, those of bags and then of numbers last: a new field must come after all old ones in that order",
    };
  const notes = fieldNotes(old, now);
  const shards = memories(from, old) === memories(to, now);
  if (shards && sameBytes(old, now) && isIdentity(columns, rowOf(from.tower.kind, old).floats))
    return { how: "same", notes };
  const a = kindOf(old.encoding);
  const b = kindOf(now.encoding);
  const keyed = a.store && knowsKeys(old);
  const keys = b.store && knowsKeys(now);
  if (keyed && keys && shards) return { how: "rows", columns, copies: 1, notes: [...notes, ...stateNotes(old, now)] };
  if (a.store && b.store && !keyed && !keys && memories(from, old) === 1 && shards && now.rows % old.rows === 0)
    return { how: "rows", columns, copies: now.rows / old.rows, notes: [...notes, ...stateNotes(old, now)] };
  if (keyed) return { how: "learned", columns, notes: [...notes, "the optimizer's state is reset"] };
  return { how: "refused", why: unknownKeys(old, now) };
}

/** Rows of a growing store are identified by their keys; those of a fixed one by row numbers. */
const knowsKeys = ({ encoding }: CompiledTable): boolean => kindOf(encoding).rows === "growing";

/** Number of memories that a table is divided among. */
const memories = (spec: CompiledSpec, table: CompiledTable): number => storedTable(spec, table).shards ?? 1;

function unknownKeys(old: CompiledTable, now: CompiledTable): string {
  if (kindOf(old.encoding).store && old.encoding === now.encoding)
    return `${old.rows} rows cannot be mapped to ${now.rows}: use a multiple of ${old.rows} rows`;
  return `a ${old.encoding} table does not store its ids, so its rows cannot be mapped to a ${now.encoding} table: convert the checkpoint first, with hashbrook migrate --data`;
}

/** Why a key of one table stands for another id in the other; undefined: it does not. */
function otherKeys(from: CompiledSpec, old: CompiledTable, to: CompiledSpec, now: CompiledTable): string | undefined {
  if (old.role !== now.role) return `it is the ${now.role} table here, but was the ${old.role} table in the checkpoint`;
  if (old.seed !== now.seed) return `train.seed is ${to.seed}, was ${from.seed}: keys stand for different ids`;
  for (const cell of now.cells) {
    const was = old.cells.find(({ field }) => field === cell.field);
    if (!was) continue;
    const why =
      otherField(from, to, cell.field) ?? (was.seed === cell.seed ? undefined : otherSalt(old, now, cell.field));
    if (why) return `${why}: keys stand for different ids`;
  }
  return undefined;
}

function otherSalt(old: CompiledTable, now: CompiledTable, field: string): string {
  const salt = ({ cells, seed }: CompiledTable) =>
    cells.find((cell) => cell.field === field)!.seed === seed ? "table" : "field";
  return `salt is ${salt(now)}, was ${salt(old)}`;
}

/** How a field's keys are computed differently; its source and item separator do not matter. */
function otherField(from: CompiledSpec, to: CompiledSpec, name: string): string | undefined {
  const of = (spec: CompiledSpec) => {
    const { from: _, separator: __, max_length: ___, ...rest } = fieldOf(spec, name);
    return rest;
  };
  const was = of(from);
  const is = of(to);
  if (canonicalJson(was) !== canonicalJson(is)) {
    const [key] = [...new Set([...Object.keys(was), ...Object.keys(is)])].filter(
      (key) => canonicalJson(was[key] ?? null) !== canonicalJson(is[key] ?? null),
    );
    return `field ${name}: ${key} differs from the checkpoint's`;
  }
  const parts = is.of as readonly string[] | undefined;
  for (const part of parts ?? []) {
    const why = otherField(from, to, part);
    if (why) return `field ${name} is derived from ${part}, and ${why}`;
  }
  return undefined;
}

function fieldOf(spec: CompiledSpec, name: string): Readonly<Record<string, unknown>> {
  const field = decodeIdentity(spec).value.fields.find((field) => field.name === name);
  return field ?? { name };
}

/** For each float of a new row its position in the old one, -1 if it is fresh; null if that depends on the row's field. */
function columnsOf(from: CompiledSpec, old: CompiledTable, to: CompiledSpec, now: CompiledTable): Int32Array | null {
  const a = rowOf(from.tower.kind, old).floats;
  const b = rowOf(to.tower.kind, now).floats;
  const factors = [from, to].map(({ tower }) =>
    now.role === "embedding" && towerOf(tower.kind).table?.dim !== undefined ? 1 : 0,
  );
  if (factors[0] !== factors[1]) return null;
  const event = (spec: CompiledSpec) => now.role === "embedding" && learnsByEvent(spec.tower.kind);
  if (event(from) !== event(to)) return null;
  const tail = event(to) ? 1 : 0; // the linear weight comes last
  const columns = Int32Array.from({ length: b }, (_, i) => (i < Math.min(a, b) - tail ? i : -1));
  if (tail) columns[b - 1] = a - 1;
  return factors[0] === 0 || factorsStay(from, to, old, now, columns) ? columns : null;
}

/** Field-aware rows keep their layout if new fields, and with them their factors, are appended to the old ones. */
function factorsStay(
  from: CompiledSpec,
  to: CompiledSpec,
  old: CompiledTable,
  now: CompiledTable,
  columns: Int32Array,
): boolean {
  const fields = ({ tables }: CompiledSpec) =>
    tables
      .filter(({ role }) => role === "embedding")
      .flatMap(({ cells }) => cells.filter(({ kind }) => kind !== "bias").map(({ field }) => field));
  const was = fields(from);
  const is = fields(to);
  const sameFactors = old.dim / (was.length - 1) === now.dim / (is.length - 1);
  return columns.length > 0 && sameFactors && was.every((field, i) => is[i] === field);
}

const isIdentity = (columns: Int32Array, floats: number) =>
  columns.length === floats && columns.every((at, i) => at === i);

/** Whether rows, index and everything else have the same bytes, apart from what only new rows depend on. */
function sameBytes(old: CompiledTable, now: CompiledTable): boolean {
  const of = (table: CompiledTable) => {
    const { cells: _, optimizer: __, shards: ___, rows, init, ...rest } = table;
    return canonicalJson(knowsKeys(table) && table.budget === undefined ? rest : { ...rest, rows, init });
  };
  return of(old) === of(now) && sameState(old.optimizer, now.optimizer);
}

function fieldNotes(old: CompiledTable, now: CompiledTable): string[] {
  const names = ({ cells }: CompiledTable) => cells.map(({ field }) => field);
  const was = names(old);
  const is = names(now);
  const added = is.filter((field) => !was.includes(field));
  const gone = was.filter((field) => !is.includes(field));
  return [
    ...(added.length > 0 ? [`new fields, whose ids are untrained: ${added.join(", ")}`] : []),
    ...(gone.length > 0 ? [`ids of removed fields stay unused: ${gone.join(", ")}`] : []),
  ];
}

function stateNotes(old: CompiledTable, now: CompiledTable): string[] {
  return keepsState(old, now) ? [] : ["the optimizer's state is reset"];
}

/** Whether a row's optimizer state can be copied into another row, float by float and with all bits. */
export function keepsState(old: CompiledTable, now: CompiledTable): boolean {
  const whole = (table: CompiledTable) =>
    table.precision === undefined && !("l21" in table.optimizer && table.optimizer.l21 > 0);
  return sameState(old.optimizer, now.optimizer) && whole(old) && whole(now);
}
