import { HashbrookError } from "../core/errors.js";
import type { EntryFacts } from "./entry.js";
import { precisions } from "./precision.js";

/** The JSON of a part: its facts, and the lengths of its arrays in their order. */
export interface EntryHeader extends EntryFacts {
  /** Floats of the numbers' statistics; null where another part has them. */
  readonly statistics: number | null;
  readonly dense: readonly { readonly name: string; readonly at: number; readonly size: number }[];
  readonly tables: readonly {
    readonly name: string;
    readonly dim: number;
    readonly rows: number;
    readonly removed: number;
  }[];
}

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isHex = (value: unknown): boolean => typeof value === "string" && /^[0-9a-f]{16}$/.test(value);
const isText = (value: unknown): value is string => typeof value === "string";

/** What each member of a header must be. */
const checks: Readonly<Record<keyof EntryHeader, (value: unknown) => boolean>> = {
  kind: (value) => value === "delta" || value === "snapshot",
  run: isHex,
  number: isCount,
  version: isCount,
  link: isHex,
  part: isCount,
  parts: isCount,
  precision: (value) => precisions.some((precision) => precision === value),
  times: (value) => Array.isArray(value) && value.every(Number.isFinite),
  spec: (value) => value === null || isObject(value),
  statistics: (value) => value === null || isCount(value),
  dense: (value) => isListOf(value, { name: isText, at: isCount, size: isCount }),
  tables: (value) => isListOf(value, { name: isText, dim: isCount, rows: isCount, removed: isCount }),
};

function isListOf(value: unknown, members: Readonly<Record<string, (value: unknown) => boolean>>): boolean {
  const fits = (item: unknown) => isObject(item) && Object.entries(members).every(([name, is]) => is(item[name]));
  return Array.isArray(value) && value.every(fits);
}

/**
 * Checks a header's members.
 * @throws HashbrookError log_damaged naming the member
 */
export function checkEntryHeader(value: unknown): EntryHeader {
  if (!isObject(value)) throw wrong("is no object");
  for (const [name, is] of Object.entries(checks)) if (!is(value[name])) throw wrong(`has a wrong ${name}`);
  const header = value as unknown as EntryHeader;
  if (header.part >= header.parts) throw wrong("has a part beyond its parts");
  return header;
}

function wrong(what: string): HashbrookError {
  return new HashbrookError("log_damaged", `entry of the delta log: its header ${what}`);
}
