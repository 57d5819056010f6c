import { HashbrookError } from "../../core/errors.js";
import { nearest } from "../../core/nearest.js";
import type { Model } from "../../model/model.js";
import type { CompiledSpec } from "../../spec/compiled.js";
import { crossKeys, valueKeys } from "../../spec/keys.js";
import type { Table } from "../../tables/table.js";

/** An id in a request: a value's text, or for a cross one text per component. */
export type Id = string | readonly string[];

/** A field in one of the tables that embed it. */
export interface Place {
  readonly field: string;
  readonly table: Table;
  /** The 64-bit key of an id, as 16 hex digits. @throws HashbrookError request_invalid */
  keyOf(id: Id): string;
}

/**
 * Where a field's ids are embedded.
 * @param tableName default: the first table that is not the wide part
 * @throws HashbrookError request_invalid
 */
export function placeOf({ spec, tables }: Model, name: string, tableName?: string): Place {
  const field = spec.fields.find((one) => one.name === name);
  if (!field)
    throw unknown(
      "field",
      name,
      spec.fields.map((one) => one.name),
    );
  const inIt = spec.tables.filter(({ cells }) => cells.some((cell) => cell.field === name && cell.kind !== "number"));
  if (inIt.length === 0) throw invalid(`field: ${name} is not looked up in a table`, fieldsHint(spec));
  const first = inIt.find(({ role }) => role === "embedding") ?? inIt[0];
  const chosen = tableName === undefined ? first : inIt.find((table) => table.name === tableName);
  if (!chosen)
    throw unknown(
      "table",
      tableName!,
      inIt.map((table) => table.name),
    );
  const wanted = "of" in field ? field.of.length : 1;
  const keyOf = (id: Id) => {
    const texts = typeof id === "string" ? [id] : id;
    if (texts.length !== wanted)
      throw invalid(`id: ${name} expects ${wanted > 1 ? `a list of ${wanted} texts` : "one text"}`);
    if (texts.some((text) => /\p{Surrogate}/u.test(text)))
      throw invalid(
        "id: contains half of a surrogate pair, which no event's text can contain",
        "send complete characters",
      );
    const keys = "of" in field ? crossKeys(spec, name, texts) : valueKeys(spec, name, texts[0]);
    return keys.find(({ table }) => table === chosen.name)!.key;
  };
  return { field: name, table: tables.find((table) => table.name === chosen.name)!, keyOf };
}

/**
 * The field whose ids a table has, if there is only one, or all have the same key for an id.
 * @throws HashbrookError request_invalid
 */
export function onlyField(spec: CompiledSpec, tableName: string): string {
  const table = spec.tables.find(({ name }) => name === tableName);
  if (!table)
    throw unknown(
      "table",
      tableName,
      spec.tables.map(({ name }) => name),
    );
  const cells = table.cells.filter(({ kind }) => kind === "single" || kind === "bag");
  const plain = cells.filter(({ field }) => spec.fields.some((one) => one.name === field && "from" in one));
  const [first] = plain.length > 0 ? plain : cells;
  if (first && (cells.length === 1 || plain.every(({ seed }) => seed === first.seed))) return first.field;
  const names = cells.map(({ field }) => field).join(", ");
  throw invalid(
    `table ${tableName}: ${first ? "holds ids of several fields" : "holds no ids"}`,
    `add ?field=, one of ${names}`,
  );
}

function fieldsHint(spec: CompiledSpec): string {
  const names = new Set(
    spec.tables.flatMap(({ cells }) => cells.flatMap(({ field, kind }) => (kind === "number" ? [] : [field]))),
  );
  return `fields in tables: ${[...names].slice(0, 40).join(", ")}`;
}

export function invalid(message: string, hint?: string): HashbrookError {
  return new HashbrookError("request_invalid", message, hint === undefined ? {} : { hint });
}

function unknown(what: string, name: string, names: readonly string[]): HashbrookError {
  const likely = nearest(name, names);
  const hint = likely ? `did you mean ${likely}?` : `known ${what}s: ${names.slice(0, 40).join(", ")}`;
  return invalid(`${what}: unknown ${what} ${name}`, hint);
}
