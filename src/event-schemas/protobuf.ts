import {
  type Options,
  type ProtoFile,
  protoFiles,
  type WrittenEnum,
  type WrittenField,
  type WrittenMessage,
} from "./proto-file.js";
import { numeral, protoTokens, unquoted } from "./proto-tokens.js";
import {
  type MessageField,
  type MessageType,
  type ProtoEnum,
  type ProtoScalar,
  type ProtoType,
  protoScalars,
} from "./proto-types.js";
import { SchemaProblem } from "./types.js";
import { wellKnown, wrappers } from "./well-known.js";

/**
 * Which message of a schema the events are: by its name, or by its index in the file and in the enclosing messages.
 * Default: the first.
 */
export type MessageChoice = string | readonly number[];

/**
 * A .proto text without comments and insignificant spaces.
 * @param imported texts of the files it imports, dependencies first
 * @throws SchemaProblem
 */
export function canonicalProto(text: string, imported: readonly string[] = []): string {
  return [...imported, text].map(canonicalFile).join("\n");
}

function canonicalFile(text: string): string {
  const words = protoTokens(text).map((token) => token.text);
  const begins = words[0] === "syntax" || words[0] === "edition";
  return [...(begins ? [] : ["syntax", "=", '"proto2"', ";"]), ...words].join(" ");
}

/**
 * Reads a Protobuf schema (.proto text).
 * @param imported texts of files that it imports
 * @throws SchemaProblem
 */
export function parseProto(text: string, imported: readonly string[] = [], choice?: MessageChoice): MessageType {
  const files = [wellKnown, ...imported, text].flatMap(protoFiles);
  return new Reader(files).message(choice ?? [0]);
}

interface Declared {
  readonly message?: WrittenMessage;
  readonly enum?: WrittenEnum;
  readonly file: ProtoFile;
}

class Reader {
  private readonly names = new Map<string, Declared>();
  private readonly types = new Map<string, ProtoType>();
  private readonly main: ProtoFile;

  constructor(files: readonly ProtoFile[]) {
    for (const file of files) this.declare(file, file, file.package);
    this.main = files.at(-1)!;
  }

  private declare(
    { messages, enums }: Pick<WrittenMessage, "messages" | "enums">,
    file: ProtoFile,
    scope: string,
  ): void {
    for (const declared of enums) this.names.set(joined(scope, declared.name), { enum: declared, file });
    for (const message of messages) {
      const name = joined(scope, message.name);
      this.names.set(name, { message, file });
      this.declare(message, file, name);
    }
  }

  message(choice: MessageChoice): MessageType {
    const name = typeof choice === "string" ? this.named(choice) : this.placed(choice);
    return this.messageOf(name);
  }

  private named(name: string): string {
    const all = [...this.names].filter(([, { message }]) => message).map(([full]) => full);
    const found = all.find((full) => full === name) ?? all.find((full) => full.endsWith(`.${name}`));
    if (found === undefined) throw new SchemaProblem(`no message type "${name}"`);
    return found;
  }

  private placed(places: readonly number[]): string {
    let name = this.main.package;
    let within: readonly WrittenMessage[] = this.main.messages;
    for (const place of places) {
      const message = within[place];
      if (!message) throw new SchemaProblem(`no message type at index ${places.join(".")}`);
      name = joined(name, message.name);
      within = message.messages;
    }
    return name;
  }

  private messageOf(name: string): MessageType {
    const known = this.types.get(name);
    if (known) return known as MessageType;
    const { message, file } = this.names.get(name)!;
    const fields: MessageField[] = [];
    const is = name === "google.protobuf.Timestamp" ? "time" : wrappers.has(name) ? "wrapper" : undefined;
    const type: MessageType = { kind: "message", name, fields, ...(is && { is }) };
    this.types.set(name, type);
    for (const field of message!.fields) fields.push(this.field(field, { name, message: message!, file }));
    return type;
  }

  private field(
    written: WrittenField,
    within: { name: string; message: WrittenMessage; file: ProtoFile },
  ): MessageField {
    const { name, number, label, oneof } = written;
    const { file } = within;
    const at = joined(within.name, name);
    const type = this.lookUp(written.type, within.name, at);
    const features = { ...file.options, ...within.message.options, ...written.options };
    const base = { name, number, ...(oneof !== undefined && { oneof }) };
    if (written.key !== undefined) return { ...base, many: "map", type: entry(at, written.key, type) };
    const isGroup = written.group || (type.kind === "message" && features["features.message_encoding"] === "DELIMITED");
    const group = isGroup ? ({ group: true } as const) : {};
    if (label === "repeated") return { ...base, type, many: "list", ...group };
    const absent = absentOf(type, written, hasPresence(written, type, features, file), at);
    return { ...base, type, ...group, ...(absent !== undefined && { absent }) };
  }

  /** Resolves a type's name in the scope of a message. */
  private lookUp(name: string, scope: string, at: string): ProtoType {
    const scalar = protoScalars.find((one) => one === name);
    if (scalar) return { kind: "scalar", of: scalar };
    for (
      let around = name.startsWith(".") ? "" : scope;
      ;
      around = around.slice(0, Math.max(0, around.lastIndexOf(".")))
    ) {
      const full = joined(around, name.replace(/^\./, ""));
      const found = this.names.get(full);
      if (found?.message) return this.messageOf(full);
      if (found?.enum) return this.enumOf(full, found.enum, found.file);
      if (around === "") throw new SchemaProblem(`${at}: unknown type "${name}"`);
    }
  }

  private enumOf(name: string, written: WrittenEnum, file: ProtoFile): ProtoEnum {
    const known = this.types.get(name);
    if (known) return known as ProtoEnum;
    const symbols = new Map<number, string>();
    for (const [symbol, number] of written.symbols) if (!symbols.has(number)) symbols.set(number, symbol);
    const feature = { ...file.options, ...written.options }["features.enum_type"];
    const closed = file.syntax === "proto2" || (file.syntax === "editions" && feature === "CLOSED");
    const type: ProtoEnum = { kind: "symbols", symbols, closed };
    this.types.set(name, type);
    return type;
  }
}

function entry(at: string, key: string, type: ProtoType): MessageType {
  const of = protoScalars.find((one) => one === key);
  if (!of || of === "float" || of === "double" || of === "bytes")
    throw new SchemaProblem(`${at}: "${key}" cannot be the key type of a map`);
  const zeros = type.kind === "message" ? {} : { absent: zeroOf(type) };
  const fields: MessageField[] = [
    { name: "key", number: 1, type: { kind: "scalar", of }, absent: zeroOf({ kind: "scalar", of }) },
    { name: "value", number: 2, type, ...zeros },
  ];
  return { kind: "message", name: `${at} {}`, fields };
}

/** Whether a field tracks presence, so that an explicit 0 differs from an absent value. */
function hasPresence(written: WrittenField, type: ProtoType, features: Options, { syntax }: ProtoFile): boolean {
  if (type.kind === "message" || written.oneof !== undefined || syntax === "proto2") return true;
  return syntax === "proto3" ? written.label === "optional" : features["features.field_presence"] !== "IMPLICIT";
}

function absentOf(type: ProtoType, { options }: WrittenField, presence: boolean, at: string): MessageField["absent"] {
  if (type.kind === "message") return undefined;
  if (options.default !== undefined) return literal(type, options.default, at);
  return presence ? undefined : zeroOf(type);
}

function zeroOf(type: ProtoType): NonNullable<MessageField["absent"]> {
  if (type.kind === "symbols") return type.symbols.get(0) ?? [...type.symbols.values()][0];
  if (type.kind === "message" || type.of === "string" || type.of === "bytes") return "";
  return type.of === "bool" ? false : 0;
}

const isText = (of: ProtoScalar): boolean => of === "string" || of === "bytes";

/** The value of an option `default`. */
function literal(type: ProtoType, text: string, at: string): NonNullable<MessageField["absent"]> {
  if (type.kind !== "scalar") return text;
  if (isText(type.of)) return unquoted(text);
  if (type.of === "bool") return text === "true";
  if (/^-?(inf|nan)$/.test(text)) return Number(text.replace("inf", "Infinity").replace(/-?nan/, "NaN"));
  const sign = text.startsWith("-") ? -1 : 1;
  const digits = numeral(text.replace(/^-/, ""));
  const number = Number(digits) * sign;
  if (Number.isNaN(number)) throw new SchemaProblem(`${at}: "${text}" is not a number`);
  if (type.of === "float" || type.of === "double" || Number.isSafeInteger(number)) return number;
  return BigInt(sign) * BigInt(digits);
}

const joined = (scope: string, name: string): string => (scope === "" ? name : `${scope}.${name}`);
