import { HashbrookError } from "../../core/errors.js";
import { isObject, numbersAsTexts } from "../../core/json.js";

/** Takes a message's key from its line; null if the line has none. */
export type KeyOf = (line: Uint8Array) => string | null;

const text = new TextDecoder();

/**
 * Makes a function that extracts a key from lines.
 * @param column a member of JSON lines (`user.id` is a path into an object), or a column's number from 1 in
 *   tab-separated (else comma-separated) lines; quotes have no meaning
 * @throws usage from the returned function, when a line is not JSON and the column no number
 */
export function keyFrom(column: string): KeyOf {
  const path = column.split(".");
  const index = /^[1-9]\d*$/.test(column) ? Number(column) - 1 : -1;
  return (line) => {
    const row = text.decode(line);
    if (row.startsWith("{")) return member(row, path);
    if (index < 0) {
      throw new HashbrookError("usage", `--key ${column}: events that are not JSON have no named columns`, {
        hint: "give the column's number, counted from 1: --key 3",
      });
    }
    return row.split(row.includes("\t") ? "\t" : ",")[index] || null;
  };
}

/** Lines that are not complete JSON get no key: they are sent as they are, and rejected by the reader. */
function member(row: string, path: readonly string[]): string | null {
  const found = valueAt(row, path);
  const isLong = Number.isInteger(found) && !Number.isSafeInteger(found);
  const value = isLong ? valueAt(numbersAsTexts(row), path) : found;
  if (value === undefined || value === null) return null;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function valueAt(row: string, path: readonly string[]): unknown {
  let value: unknown;
  try {
    value = JSON.parse(row);
  } catch {
    return undefined;
  }
  for (const name of path) value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  return value;
}
