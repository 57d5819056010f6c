import { isObject } from "../core/json.js";
import type { SpecPath } from "./document.js";

/** A path's keys as written: `tables.ids.dim`, `fields.user.max_length` (list items by number or name). */
export const pathParts = (text: string): string[] => text.split(".");

/**
 * The paths in a spec's source that a pattern matches; `*` is every key or item. The last parts need not exist yet, so
 * that a value can be added.
 */
export function expandIn(value: unknown, parts: readonly string[], before: SpecPath = []): SpecPath[] {
  if (parts.length === 0) return [before];
  const [part, ...rest] = parts;
  if (part === "*") {
    return keysOf(value).flatMap((key) => expandIn(memberOf(value, key), rest, [...before, key]));
  }
  const key = keyNamed(value, part);
  if (key === undefined) return Array.isArray(value) ? [] : [[...before, part, ...rest]];
  return expandIn(memberOf(value, key), rest, [...before, key]);
}

/** The keys of a map, or the numbers of a list's items. */
function keysOf(value: unknown): (string | number)[] {
  if (Array.isArray(value)) return [...value.keys()];
  return isObject(value) ? Object.keys(value) : [];
}

function memberOf(value: unknown, key: string | number): unknown {
  return (value as Readonly<Record<string | number, unknown>>)[key];
}

/** The key that a part matches: list items are named by index or by their `name`. */
function keyNamed(value: unknown, part: string): string | number | undefined {
  if (!Array.isArray(value)) return isObject(value) && Object.hasOwn(value, part) ? part : undefined;
  const index = value.findIndex((item) => isObject(item) && item.name === part);
  if (index >= 0) return index;
  return /^\d+$/.test(part) && Number(part) < value.length ? Number(part) : undefined;
}
