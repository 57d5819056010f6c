import { HashbrookError } from "./errors.js";

/** True for an object of JSON that is no array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** JSON in which every number is a text instead, so that it keeps its digits when parsed. @param json valid JSON */
export function numbersAsTexts(json: string): string {
  return json.replace(/"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g, (part) => (part[0] === '"' ? part : `"${part}"`));
}

/**
 * A value as JSON. Integers may be bigints, which are written with all their digits (JSON.stringify refuses them).
 * Undefined members are left out, as by JSON.stringify, and typed arrays are arrays.
 * @throws HashbrookError request_invalid naming the place of a number that is not finite, or of a value that JSON
 * cannot express
 */
export function jsonText(value: unknown): string {
  try {
    return textAt(value, "body");
  } catch (error) {
    if (error instanceof RangeError) throw unwritable("body", "is nested too deeply, or contains itself");
    throw error;
  }
}

function textAt(value: unknown, place: string): string {
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number" && !Number.isFinite(value))
    throw unwritable(place, `${value} cannot be written as JSON`);
  if (typeof value === "function" || typeof value === "symbol") throw unwritable(place, `is a ${typeof value}`);
  if (typeof value !== "object" || value === null) return JSON.stringify(value ?? null);
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return textAt(Array.from(value as never), place);
  if (Array.isArray(value)) return `[${Array.from(value, (item, i) => textAt(item, `${place}[${i}]`)).join(",")}]`;
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === "function") return textAt(toJSON.call(value), place);
  if (value instanceof String || value instanceof Number || value instanceof Boolean)
    return textAt(value.valueOf(), place);
  return objectText(value, place);
}

function objectText(value: object, place: string): string {
  const kind = Object.prototype.toString.call(value).slice(8, -1);
  // JSON.stringify makes {} of a Map, a Set or a Promise.
  if (kind !== "Object" && Object.keys(value).length === 0) throw unwritable(place, `is a ${kind}`);
  const given = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return `{${given.map(([name, inner]) => `${JSON.stringify(name)}:${textAt(inner, `${place}.${name}`)}`).join(",")}}`;
}

function unwritable(place: string, why: string): HashbrookError {
  return new HashbrookError("request_invalid", `${place}: ${why}`, {
    hint: "give a number, text, boolean, array or plain object; omit the member if its value is unknown",
  });
}
