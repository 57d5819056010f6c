/** A value's type, independent of the schema language. Records may contain themselves. @see parseAvro */
export type EventType = Scalar | FixedType | EnumType | ListType | UnionType | RecordType;

export interface Scalar {
  /** `text`: strings and bytes. */
  readonly kind: "null" | "boolean" | "float" | "double" | "text";
  /** A text that is a decimal number: a big-endian integer with this many digits after the point. */
  readonly decimal?: number;
}

export interface IntegerType {
  readonly kind: "integer";
  /** A time, given in milliseconds: `times` of them per unit (a day), or `parts` units per millisecond (µs: 1000). */
  readonly times?: number;
  readonly parts?: number;
}

export interface FixedType {
  readonly kind: "fixed";
  readonly size: number;
  readonly decimal?: number;
}

export interface EnumType {
  readonly kind: "enum";
  readonly symbols: readonly string[];
}

export interface ListType {
  /** A map's keys are texts. */
  readonly kind: "array" | "map";
  readonly items: AnyType;
}

export interface UnionType {
  readonly kind: "union";
  readonly branches: readonly AnyType[];
}

export interface RecordType {
  readonly kind: "record";
  readonly name: string;
  readonly fields: readonly { readonly name: string; readonly type: AnyType }[];
}

export type AnyType = EventType | IntegerType;

/** A schema as it is registered: its text, and those of the schemas it references, dependencies first. */
export interface SchemaText {
  readonly text: string;
  readonly references: readonly string[];
}

/** A schema that cannot be interpreted; the message states where and why. */
export class SchemaProblem extends Error {}

/** Minimum size of a value in bytes: 0 if some values take none. */
export function leastBytes(type: AnyType, around: readonly AnyType[] = []): 0 | 1 {
  if (around.includes(type)) return 1;
  if (type.kind === "null") return 0;
  if (type.kind === "fixed") return type.size > 0 ? 1 : 0;
  if (type.kind !== "record") return 1;
  return type.fields.some((field) => leastBytes(field.type, [...around, type]) === 1) ? 1 : 0;
}

/** Types that a value may have: itself, or a union's branches. */
const choices = (type: AnyType): readonly AnyType[] =>
  type.kind === "union" ? type.branches.flatMap(choices) : [type];

/** Whether a schema has a value at a dotted path. */
export function hasPath(type: AnyType, path: string): boolean {
  if (path === "") return true;
  const [name, ...rest] = path.split(".");
  const below = rest.join(".");
  return choices(type).some((choice) => {
    if (choice.kind === "map") return true;
    if (choice.kind !== "record") return false;
    return choice.fields.some((field) => field.name === name && hasPath(field.type, below));
  });
}

const MOST_DEPTH = 6;

/** The paths of a schema's leaf values, with nested records down to a few levels. */
export function pathsOf(type: AnyType, path = "", depth = 0): string[] {
  const records = choices(type).filter((choice) => choice.kind === "record");
  if (records.length === 0 || depth > MOST_DEPTH) return path ? [path] : [];
  return records.flatMap(({ fields }) =>
    fields.flatMap((field) => pathsOf(field.type, path ? `${path}.${field.name}` : field.name, depth + 1)),
  );
}
