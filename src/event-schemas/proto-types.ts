/** Scalars of Protobuf, by their names in .proto files. */
export const protoScalars = [
  "int32",
  "int64",
  "uint32",
  "uint64",
  "sint32",
  "sint64",
  "fixed32",
  "fixed64",
  "sfixed32",
  "sfixed64",
  "float",
  "double",
  "bool",
  "string",
  "bytes",
] as const;
export type ProtoScalar = (typeof protoScalars)[number];

/** The type of a value in a .proto schema. Messages may contain themselves. */
export type ProtoType = ScalarType | ProtoEnum | MessageType;

export interface ScalarType {
  readonly kind: "scalar";
  readonly of: ProtoScalar;
}

export interface ProtoEnum {
  readonly kind: "symbols";
  /** The first name of each number, in the order of the file. */
  readonly symbols: ReadonlyMap<number, string>;
  /** Closed: numbers without a symbol are not values of the enum and are skipped. */
  readonly closed: boolean;
}

export interface MessageType {
  readonly kind: "message";
  readonly name: string;
  readonly fields: readonly MessageField[];
  /** A Timestamp, given in milliseconds; or a wrapper, which is replaced by its value. */
  readonly is?: "time" | "wrapper";
}

export interface MessageField {
  readonly name: string;
  readonly number: number;
  readonly type: ProtoType;
  /** A map's type is that of its entries: messages of a key (field 1) and a value (field 2). */
  readonly many?: "list" | "map";
  /** The default of an absent value; undefined if the field tracks presence. */
  readonly absent?: string | number | bigint | boolean;
  /** Number of its oneof within the message, from 1 on. */
  readonly oneof?: number;
  /** A message that is written as a group. */
  readonly group?: true;
}

/** Whether messages of a type can have a value at a dotted path. */
export function hasProtoPath(type: MessageType, path: string): boolean {
  if (path === "") return true;
  const [name, ...rest] = path.split(".");
  const field = type.fields.find((one) => one.name === name);
  if (!field) return false;
  if (rest.length === 0 || field.many === "map") return true;
  const { type: inner, many } = field;
  return (
    many === undefined && inner.kind === "message" && inner.is === undefined && hasProtoPath(inner, rest.join("."))
  );
}

const MOST_DEPTH = 6;

/** The paths of a type's values that have none below them, of messages within messages up to a few levels. */
export function protoPaths(type: MessageType, path = "", depth = 0): string[] {
  return type.fields.flatMap(({ name, type: inner, many }) => {
    const at = path ? `${path}.${name}` : name;
    const isLeaf = many !== undefined || inner.kind !== "message" || inner.is !== undefined || depth >= MOST_DEPTH;
    return isLeaf ? [at] : protoPaths(inner, at, depth + 1);
  });
}
