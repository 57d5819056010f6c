import { isObject } from "../core/json.js";
import { parsed } from "./endpoint.js";
import { rawElements, rawMembers } from "./raw-json.js";
import { invalid, tooMany } from "./request.js";
import { MAX_CANDIDATES } from "./scorer.js";

const NAME = '"columns"';

/**
 * A score request's body with its `columns` as `candidates`: every value as it was written. A body without them is left as it is.
 * @throws HashbrookError request_invalid naming the column, items_too_many
 */
export function withCandidates(body: Uint8Array): Uint8Array {
  if (!Buffer.from(body.buffer, body.byteOffset, body.length).includes(NAME)) return body;
  const value = parsed(body);
  if (!isObject(value) || !Object.hasOwn(value, "columns")) return body;
  if (Object.hasOwn(value, "candidates")) throw invalid("body: has both candidates and columns", "send one of them");
  checkColumns(value.columns);
  const members = rawMembers(body);
  const columns = [...rawMembers(members.get("columns")!)].map(([name, list]) => ({ name, values: rawElements(list) }));
  members.delete("columns");
  members.set("candidates", candidatesOf(columns));
  return objectOf([...members].map(([name, value]) => ({ name, value })));
}

function checkColumns(columns: unknown): void {
  if (!isObject(columns)) throw invalid("columns: must be an object of arrays");
  const entries = Object.entries(columns);
  if (entries.length === 0) throw invalid("columns: must hold at least one column");
  for (const [name, values] of entries) if (!Array.isArray(values)) throw invalid(`columns.${name}: must be an array`);
  const [[first, { length }], ...others] = entries as [string, unknown[]][];
  const other = others.find(([, values]) => values.length !== length);
  if (other) throw invalid(`columns.${other[0]}: has ${other[1].length} values, and columns.${first} ${length}`);
  if (length === 0) throw invalid("columns: must hold at least one candidate");
  if (length > MAX_CANDIDATES) throw tooMany(`columns.${first}`, length, MAX_CANDIDATES);
}

function candidatesOf(
  columns: readonly { readonly name: string; readonly values: readonly Uint8Array[] }[],
): Uint8Array {
  const rows = columns[0].values.map((_, row) =>
    objectOf(columns.map(({ name, values }) => ({ name, value: values[row] }))),
  );
  return joined("[", rows, "]");
}

function objectOf(members: readonly { readonly name: string; readonly value: Uint8Array }[]): Uint8Array {
  const texts = members.map(({ name, value }) => Buffer.concat([Buffer.from(`${JSON.stringify(name)}:`), value]));
  return joined("{", texts, "}");
}

function joined(open: string, parts: readonly Uint8Array[], close: string): Uint8Array {
  const comma = Buffer.from(",");
  const list = parts.flatMap((part, i) => (i === 0 ? [part] : [comma, part]));
  return Buffer.concat([Buffer.from(open), ...list, Buffer.from(close)]);
}
