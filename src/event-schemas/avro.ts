import { isObject } from "../core/json.js";
import { type AnyType, type RecordType, SchemaProblem } from "./types.js";

const NAME = /^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$/;
const DAY = 86_400_000;
const MOST_FIXED = 1 << 20;
/** Digits of a decimal behind its point: those of 256 bits. */
const MOST_PLACES = 77;

const primitives: ReadonlyMap<string, AnyType> = new Map(
  Object.entries({
    null: { kind: "null" },
    boolean: { kind: "boolean" },
    int: { kind: "integer" },
    long: { kind: "integer" },
    float: { kind: "float" },
    double: { kind: "double" },
    bytes: { kind: "text" },
    string: { kind: "text" },
  }),
);

/** Times are given in milliseconds, whatever unit they are written in. */
const times: ReadonlyMap<unknown, AnyType> = new Map(
  Object.entries({
    date: { kind: "integer", times: DAY },
    "timestamp-micros": { kind: "integer", parts: 1e3 },
    "local-timestamp-micros": { kind: "integer", parts: 1e3 },
    "timestamp-nanos": { kind: "integer", parts: 1e6 },
    "local-timestamp-nanos": { kind: "integer", parts: 1e6 },
  }),
);

/**
 * Reads an Avro schema (JSON text).
 * @param referenced texts of schemas whose names it uses, those that others use first
 * @throws SchemaProblem
 */
export function parseAvro(text: string, referenced: readonly string[] = []): AnyType {
  const names = new Map<string, AnyType>();
  for (const other of referenced) new Reader(names).read(jsonOf(other), "", "");
  return new Reader(names).read(jsonOf(text), "", "");
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Registries accept a primitive's name alone as a schema.
    if (primitives.has(text.trim())) return text.trim();
    throw new SchemaProblem("not valid JSON");
  }
}

class Reader {
  private readonly names: Map<string, AnyType>;

  constructor(names: Map<string, AnyType>) {
    this.names = names;
  }

  /** @param space the namespace around @param at where in the schema, for messages */
  read(schema: unknown, space: string, at: string): AnyType {
    if (typeof schema === "string") return this.named(schema, space, at);
    if (Array.isArray(schema)) return this.union(schema, space, at);
    if (!isObject(schema)) throw problem(at, "a type must be a name, an object or a list");
    const { type } = schema;
    if (typeof type !== "string") return this.read(type, space, at);
    if (type === "record" || type === "error") return this.record(schema, space, at);
    if (type === "enum") return this.define(schema, space, at, enumOf(schema, at));
    if (type === "fixed") return this.define(schema, space, at, fixedOf(schema, at));
    if (type === "array") return { kind: "array", items: this.read(schema.items, space, `${at}[]`) };
    if (type === "map") return { kind: "map", items: this.read(schema.values, space, `${at}{}`) };
    return logical(schema, this.named(type, space, at));
  }

  private named(name: string, space: string, at: string): AnyType {
    const found = primitives.get(name) ?? this.names.get(fullName(name, space)) ?? this.names.get(name);
    if (!found) throw problem(at, `unknown type "${name}"`);
    return found;
  }

  private union(branches: readonly unknown[], space: string, at: string): AnyType {
    if (branches.length === 0) throw problem(at, "a union must not be empty");
    return { kind: "union", branches: branches.map((branch) => this.read(branch, space, at)) };
  }

  private define<T extends AnyType>(schema: Record<string, unknown>, space: string, at: string, type: T): T {
    const { name, namespace } = schema;
    if (typeof name !== "string" || !NAME.test(name)) throw problem(at, `"${String(name)}" is not a name`);
    this.names.set(fullName(name, typeof namespace === "string" ? namespace : space), type);
    return type;
  }

  private record(schema: Record<string, unknown>, space: string, at: string): AnyType {
    const fields: { name: string; type: AnyType }[] = [];
    const { name, namespace, fields: written } = schema;
    const record: RecordType = { kind: "record", name: String(name), fields };
    this.define(schema, space, at, record);
    if (!Array.isArray(written)) throw problem(at, "a record has no list of fields");
    const inner = spaceOf(fullName(String(name), typeof namespace === "string" ? namespace : space));
    for (const field of written) {
      if (!isObject(field) || typeof field.name !== "string") throw problem(at, "a field has no name");
      const path = at ? `${at}.${field.name}` : field.name;
      if (fields.some((other) => other.name === field.name)) throw problem(path, "duplicate field");
      fields.push({ name: field.name, type: this.read(field.type, inner, path) });
    }
    return record;
  }
}

function enumOf({ symbols }: Record<string, unknown>, at: string): AnyType {
  if (!Array.isArray(symbols) || !symbols.every((symbol) => typeof symbol === "string"))
    throw problem(at, "an enum has no list of symbols");
  return { kind: "enum", symbols };
}

function fixedOf(schema: Record<string, unknown>, at: string): AnyType {
  const { size } = schema;
  if (!Number.isInteger(size) || Number(size) < 0 || Number(size) > MOST_FIXED)
    throw problem(at, `fixed: size must be a whole number from 0 to ${MOST_FIXED}`);
  return logical(schema, { kind: "fixed", size: Number(size) });
}

/** Unknown logical types are ignored: the value is what is written. */
function logical({ logicalType, scale = 0 }: Record<string, unknown>, type: AnyType): AnyType {
  if (type.kind === "integer") return times.get(logicalType) ?? type;
  const isDecimal = logicalType === "decimal" && (type.kind === "text" || type.kind === "fixed");
  return isDecimal && Number.isInteger(scale) && Number(scale) >= 0 && Number(scale) <= MOST_PLACES
    ? { ...type, decimal: Number(scale) }
    : type;
}

const spaceOf = (name: string): string => name.slice(0, Math.max(0, name.lastIndexOf(".")));
const fullName = (name: string, space: string): string =>
  name.includes(".") || space === "" ? name : `${space}.${name}`;
const problem = (at: string, what: string): SchemaProblem => new SchemaProblem(`${at ? `${at}: ` : ""}${what}`);
