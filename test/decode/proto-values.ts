// Protobuf schemas with values, drawn from a seed: a .proto text, the same as a descriptor, events that @bufbuild/protobuf has encoded, and what
// it decodes of them, as JSON with the names of the schema.
import {
  create,
  createFileRegistry,
  type DescEnum,
  type DescField,
  type DescMessage,
  fromBinary,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import {
  type DescriptorProto,
  DescriptorProtoSchema,
  EnumDescriptorProtoSchema,
  FeatureSet_FieldPresence,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema,
  FileDescriptorProtoSchema,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
} from "@bufbuild/protobuf/wkt";
import { Rng } from "../../src/core/rng.js";

const scalars = [
  "double",
  "float",
  "int64",
  "uint64",
  "int32",
  "fixed64",
  "fixed32",
  "bool",
  "string",
  "bytes",
  "uint32",
  "sfixed32",
  "sfixed64",
  "sint32",
  "sint64",
] as const;
const keys = ["string", "int32", "int64", "uint64", "bool", "sint32", "fixed32", "sfixed64"] as const;
const wellKnown = ["Timestamp", "StringValue", "Int64Value", "DoubleValue", "BoolValue", "UInt32Value"];
const syntaxes = ["proto3", "proto2"] as const;

interface Written {
  readonly text: string;
  readonly descriptor: DescriptorProto;
}

const typeNumber = (name: string): FieldDescriptorProto_Type =>
  FieldDescriptorProto_Type[name.toUpperCase() as keyof typeof FieldDescriptorProto_Type];

/** Generates the messages of one file. */
class Drawing {
  private readonly rng: Rng;
  private readonly syntax: "proto2" | "proto3";
  private readonly scalarOnly: boolean;

  constructor(rng: Rng, syntax: "proto2" | "proto3", scalarOnly: boolean) {
    [this.rng, this.syntax, this.scalarOnly] = [rng, syntax, scalarOnly];
  }

  private chosen<T>(list: readonly T[]): T {
    return list[this.rng.below(list.length)];
  }

  message(name: string, full: string, depth: number): Written {
    const { rng } = this;
    const count = depth === 0 ? 2 + rng.below(6) : rng.below(4);
    const nested: Written[] = [];
    const numbers = new Set<number>();
    while (numbers.size < count) numbers.add(1 + rng.below(this.chosen([12, 40, 5000, 2 ** 29 - 1])));
    const fields = [...numbers].map((number, i) =>
      this.field(i, number, { full, depth, nested, label: depth === 0 && i === 0 }),
    );
    const loose = fields.filter(({ kind }) => kind !== "oneof");
    const chosen = fields.filter(({ kind }) => kind === "oneof");
    const optional = loose.filter(({ kind }) => kind === "optional" && this.syntax === "proto3");
    for (const one of chosen) one.descriptor.oneofIndex = 0;
    for (const [i, one] of optional.entries()) {
      one.descriptor.proto3Optional = true;
      one.descriptor.oneofIndex = Number(chosen.length > 0) + i;
    }
    const oneofDecl = [...(chosen.length > 0 ? ["choice"] : []), ...optional.map((one) => `_${one.descriptor.name}`)];
    const descriptor = create(DescriptorProtoSchema, {
      name,
      field: [...chosen, ...loose].map((one) => one.descriptor),
      nestedType: [...nested.map((one) => one.descriptor), ...fields.flatMap(({ entry }) => (entry ? [entry] : []))],
      oneofDecl: oneofDecl.map((one) => ({ name: one })),
    });
    const inside = [...nested.filter((one) => one.text), ...loose].map((one) => one.text);
    if (chosen.length > 0) inside.unshift(`oneof choice { ${chosen.map((one) => one.text).join(" ")} }`);
    return { text: `message ${name} {\n${inside.join("\n")}\n}`, descriptor };
  }

  private field(i: number, number: number, within: { full: string; depth: number; nested: Written[]; label: boolean }) {
    const name = `f${i}`;
    const isLabel = within.label;
    const old = this.syntax === "proto2";
    const kind = isLabel
      ? old
        ? "optional"
        : "plain"
      : this.chosen(["plain", "plain", "optional", "list", "map", "oneof"] as const);
    const isGroup =
      old && !isLabel && kind !== "map" && kind !== "oneof" && within.depth < 2 && this.rng.below(8) === 0;
    if (isGroup) return this.group(i, number, kind === "list", within);
    const type = isLabel ? { text: "int32", type: FieldDescriptorProto_Type.INT32 } : this.type(i, within);
    const label = kind === "list" ? FieldDescriptorProto_Label.REPEATED : FieldDescriptorProto_Label.OPTIONAL;
    const base = { name, number, jsonName: name, type: type.type, ...(type.typeName && { typeName: type.typeName }) };
    if (kind === "map") return this.map(base, type.text, within.full);
    const packs = kind === "list" && !["string", "bytes"].includes(type.text) && type.typeName === undefined;
    const packed = packs && this.rng.below(2) ? { options: { packed: this.rng.below(2) === 1 } } : {};
    const literal = old && kind === "plain" && !type.typeName ? this.literal(type.text) : undefined;
    const written =
      literal === undefined ? "" : ` [default = ${["string", "bytes"].includes(type.text) ? `"${literal}"` : literal}]`;
    const prefix =
      kind === "list" ? "repeated " : kind === "oneof" ? "" : old || kind === "optional" ? "optional " : "";
    return {
      kind: prefix === "optional " ? ("optional" as const) : kind,
      text: `${prefix}${type.text} ${name} = ${number}${written};`,
      descriptor: create(FieldDescriptorProtoSchema, {
        ...base,
        label,
        ...packed,
        ...(literal !== undefined && { defaultValue: literal }),
      }),
      entry: undefined,
    };
  }

  private literal(type: string): string | undefined {
    if (this.rng.below(2)) return undefined;
    if (type === "bool") return "true";
    return type === "bytes" ? undefined : this.chosen(["7", "12"]);
  }

  private group(i: number, number: number, many: boolean, within: { full: string; depth: number; nested: Written[] }) {
    const name = `F${i}`;
    const { text, descriptor } = this.message(name, `${within.full}.${name}`, within.depth + 1);
    within.nested.push({ text: "", descriptor });
    return {
      kind: many ? ("list" as const) : ("optional" as const),
      text: `${many ? "repeated" : "optional"} group ${name} = ${number} ${text.slice(text.indexOf("{"))}`,
      descriptor: create(FieldDescriptorProtoSchema, {
        name: name.toLowerCase(),
        number,
        jsonName: name.toLowerCase(),
        type: FieldDescriptorProto_Type.GROUP,
        typeName: `.${within.full}.${name}`,
        label: many ? FieldDescriptorProto_Label.REPEATED : FieldDescriptorProto_Label.OPTIONAL,
      }),
      entry: undefined,
    };
  }

  private map(
    base: { name: string; number: number; type: FieldDescriptorProto_Type; typeName?: string },
    text: string,
    full: string,
  ) {
    const key = this.chosen(keys);
    const entryName = `${base.name.toUpperCase()}Entry`;
    const optional = FieldDescriptorProto_Label.OPTIONAL;
    const entry = create(DescriptorProtoSchema, {
      name: entryName,
      field: [
        { name: "key", number: 1, jsonName: "key", type: typeNumber(key), label: optional },
        { ...base, name: "value", number: 2, jsonName: "value", label: optional },
      ],
      options: { mapEntry: true },
    });
    return {
      kind: "map" as const,
      text: `map<${key}, ${text}> ${base.name} = ${base.number};`,
      descriptor: create(FieldDescriptorProtoSchema, {
        name: base.name,
        number: base.number,
        jsonName: base.name,
        type: FieldDescriptorProto_Type.MESSAGE,
        typeName: `.${full}.${entryName}`,
        label: FieldDescriptorProto_Label.REPEATED,
      }),
      entry,
    };
  }

  private type(
    i: number,
    { full, depth, nested }: { full: string; depth: number; nested: Written[] },
  ): { text: string; type: FieldDescriptorProto_Type; typeName?: string } {
    const which = this.scalarOnly ? 0 : this.rng.below(8);
    const { MESSAGE, ENUM } = FieldDescriptorProto_Type;
    if (which === 5) return { text: "Kind", type: ENUM, typeName: ".t.Kind" };
    if (which === 6) {
      const name = this.chosen(wellKnown);
      return { text: `google.protobuf.${name}`, type: MESSAGE, typeName: `.google.protobuf.${name}` };
    }
    if (which === 7 && depth < 2) {
      const name = `M${i}`;
      nested.push(this.message(name, `${full}.${name}`, depth + 1));
      return { text: name, type: MESSAGE, typeName: `.${full}.${name}` };
    }
    const text = this.chosen(scalars);
    return { text, type: typeNumber(text) };
  }
}

export interface DrawnSchema {
  /** .proto, whose first message is the event. */
  readonly text: string;
  readonly type: DescMessage;
}

export function drawnSchema(rng: Rng): DrawnSchema {
  const syntax = syntaxes[rng.below(2)];
  const { text, descriptor } = new Drawing(rng, syntax, rng.below(4) === 0).message("Event", "t.Event", 0);
  const file = create(FileDescriptorProtoSchema, {
    name: "t.proto",
    package: "t",
    syntax,
    dependency: ["google/protobuf/timestamp.proto", "google/protobuf/wrappers.proto"],
    messageType: [descriptor],
    enumType: [
      create(EnumDescriptorProtoSchema, {
        name: "Kind",
        value: [
          { name: "NONE", number: 0 },
          { name: "VIEW", number: 3 },
          { name: "BACK", number: -2 },
        ],
      }),
    ],
  });
  const known = [file_google_protobuf_timestamp, file_google_protobuf_wrappers];
  const registry = createFileRegistry(file, (name) => known.find((one) => `${one.name}.proto` === name));
  const head = `syntax = "${syntax}"; // drawn\npackage t;\nimport "google/protobuf/timestamp.proto";\n`;
  const kinds = "enum Kind { option allow_alias = true; NONE = 0; VIEW = 3; SAME = 3; BACK = -2; reserved 7; }";
  return { text: `${head}${text}\n${kinds}\n`, type: registry.getMessage("t.Event")! };
}

const texts = ["", "a", "b|c", '"\\', "\n\u0001", "ü€𝄞", "a".repeat(70), "1", "-2.5"];
const doubles = [0, -0, 1, -5, 0.1, 12.34, 1e15, 1e21, 1.5e-7, 5e-324, 2 ** 53, 1e18];
const wholes = [
  0n,
  0n,
  1n,
  -1n,
  127n,
  128n,
  300n,
  2n ** 31n - 1n,
  -(2n ** 31n),
  2n ** 32n - 1n,
  2n ** 63n - 1n,
  -(2n ** 63n),
  2n ** 64n - 1n,
];

function drawnScalar(rng: Rng, type: ScalarType): unknown {
  if (type === ScalarType.STRING) return texts[rng.below(texts.length)];
  if (type === ScalarType.BYTES) return Buffer.from(texts[rng.below(texts.length)]);
  if (type === ScalarType.BOOL) return rng.below(2) === 1;
  if (type === ScalarType.DOUBLE) return doubles[rng.below(doubles.length)];
  if (type === ScalarType.FLOAT) return Math.fround(doubles[rng.below(doubles.length)]);
  const value = rng.below(3) ? BigInt(rng.next()) - 2n ** 31n : wholes[rng.below(wholes.length)];
  const { INT64, UINT64, FIXED64, SFIXED64, SINT64, UINT32, FIXED32 } = ScalarType;
  if (type === UINT64 || type === FIXED64) return BigInt.asUintN(64, value);
  if (type === INT64 || type === SFIXED64 || type === SINT64) return BigInt.asIntN(64, value);
  return Number(type === UINT32 || type === FIXED32 ? BigInt.asUintN(32, value) : BigInt.asIntN(32, value));
}

const drawnSymbol = (rng: Rng, { open }: DescEnum): number => [0, 3, -2, open ? 9 : 3][rng.below(4)];

/** @param maps false: without maps, so that only one of several parts has a map's keys */
function fillMessage(rng: Rng, message: ReflectMessage, maps: boolean): ReflectMessage {
  for (const field of message.fields) if (maps || field.fieldKind !== "map") fillField(rng, message, field, maps);
  return message;
}

function fillField(rng: Rng, message: ReflectMessage, field: DescField, maps: boolean): void {
  const inner = (type: DescMessage) => fillMessage(rng, reflect(type), maps);
  if (rng.below(4) === 0) return;
  if (field.fieldKind === "scalar") message.set(field, drawnScalar(rng, field.scalar));
  else if (field.fieldKind === "enum") message.set(field, drawnSymbol(rng, field.enum));
  else if (field.fieldKind === "message") message.set(field, inner(field.message));
  else {
    const one = (): unknown => {
      if (field.message) return inner(field.message);
      return field.enum ? drawnSymbol(rng, field.enum) : drawnScalar(rng, field.scalar!);
    };
    for (let count = rng.below(4); count > 0; count--) {
      if (field.fieldKind === "list") message.get(field).add(one() as never);
      else message.get(field).set(drawnScalar(rng, field.mapKey) as never, one() as never);
    }
  }
}

const isLabel = (field: DescField, type: DescMessage): boolean => type.typeName === "t.Event" && field.name === "f0";

/** An event: whole, or of several parts, possibly with fields that are not in the schema. */
export function drawnEvent(rng: Rng, { type }: DrawnSchema): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let count = [1, 1, 2, 3][rng.below(4)]; count > 0; count--) {
    const message = fillMessage(rng, reflect(type), parts.length === 0);
    const label = type.fields.find((field) => isLabel(field, type))!;
    message.set(label, rng.below(2));
    parts.push(toBinary(type, message.message));
    if (rng.below(4) === 0)
      parts.push(
        Buffer.from([0xa2, 0xf8, 0xff, 0x0f, 2, 8, 1]),
        Buffer.from([0xfb, 0xff, 0xff, 0xff, 0x0b, 8, 1, 0xfc, 0xff, 0xff, 0xff, 0x0b]),
      );
  }
  return Buffer.concat(parts);
}

/** The JSON of an event, as @bufbuild/protobuf decodes it. */
export function jsonOfEvent({ type }: DrawnSchema, bytes: Uint8Array): string {
  return jsonOf(reflect(type, fromBinary(type, bytes)));
}

const numberJson = (x: number): string => (Number.isFinite(x) ? String(Object.is(x, -0) ? 0 : x) : "null");

function scalarJson(value: unknown): string {
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString());
  return typeof value === "number"
    ? numberJson(value)
    : typeof value === "bigint"
      ? String(value)
      : JSON.stringify(value);
}

const symbolJson = ({ values }: DescEnum, value: number): string => {
  const found = values.find(({ number }) => number === value);
  return found ? JSON.stringify(found.name) : String(value);
};

function jsonOf(message: ReflectMessage): string {
  const { typeName } = message.desc;
  if (typeName === "google.protobuf.Timestamp") {
    const { seconds, nanos } = message.message as unknown as { seconds: bigint; nanos: number };
    return numberJson(Number(seconds) * 1e3 + nanos / 1e6);
  }
  if (typeName.startsWith("google.protobuf.")) return scalarJson(message.get(message.fields[0]));
  const members = message.fields.map((field) => [field.name, fieldJson(message, field)] as const);
  return `{${members.flatMap(([name, json]) => (json === undefined ? [] : [`${JSON.stringify(name)}:${json}`])).join()}}`;
}

function fieldJson(message: ReflectMessage, field: DescField): string | undefined {
  const one = (value: unknown): string => {
    if (field.message) return jsonOf(value as ReflectMessage);
    return field.enum ? symbolJson(field.enum, value as number) : scalarJson(value);
  };
  if (field.fieldKind === "list") {
    const items = [...message.get(field)];
    return items.length > 0 ? `[${items.map(one).join()}]` : undefined;
  }
  if (field.fieldKind === "map") {
    const entries = [...message.get(field)];
    return entries.length > 0
      ? `{${entries.map(([key, value]) => `${JSON.stringify(String(key))}:${one(value)}`).join()}}`
      : undefined;
  }
  const isThere = message.isSet(field) || field.presence === FeatureSet_FieldPresence.IMPLICIT;
  if (isThere) return one(message.get(field));
  const absent = field.fieldKind === "message" ? undefined : field.getDefaultValue();
  return absent === undefined ? undefined : one(absent);
}

/** A random schema with some events. */
export function drawnEvents(seed: number): { readonly schema: DrawnSchema; readonly events: readonly Uint8Array[] } {
  const rng = new Rng(seed);
  const schema = drawnSchema(rng);
  return { schema, events: Array.from({ length: 1 + rng.below(4) }, () => drawnEvent(rng, schema)) };
}
