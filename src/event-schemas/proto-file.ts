import { protoTokens, type Token, TokenReader, unquoted } from "./proto-tokens.js";

/** A .proto file as it is written: names are not looked up yet. */
export interface ProtoFile {
  readonly package: string;
  readonly syntax: "proto2" | "proto3" | "editions";
  readonly imports: readonly string[];
  readonly messages: readonly WrittenMessage[];
  readonly enums: readonly WrittenEnum[];
  readonly options: Options;
}

export type Options = Readonly<Record<string, string>>;

export interface WrittenMessage {
  readonly name: string;
  readonly fields: readonly WrittenField[];
  readonly messages: readonly WrittenMessage[];
  readonly enums: readonly WrittenEnum[];
  readonly options: Options;
}

export interface WrittenField {
  readonly name: string;
  readonly number: number;
  /** A type's name. */
  readonly type: string;
  /** A map's keys. */
  readonly key?: string;
  readonly label: "optional" | "required" | "repeated" | "";
  readonly oneof?: number;
  readonly group: boolean;
  readonly options: Options;
}

export interface WrittenEnum {
  readonly name: string;
  readonly symbols: readonly (readonly [name: string, number: number])[];
  readonly options: Options;
}

type Open<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer I)[] ? I[] : T[K] };

const MOST_NUMBER = 2 ** 29 - 1;
const MOST_DEPTH = 100;
const labels = ["optional", "required", "repeated"] as const;

/** The files that a text consists of: a `syntax` or `edition` begins the next one. @throws SchemaProblem */
export function protoFiles(text: string): ProtoFile[] {
  const files: Token[][] = [];
  for (const token of protoTokens(text)) {
    const begins = (token.text === "syntax" || token.text === "edition") && isStart(files.at(-1));
    if (begins || files.length === 0) files.push([]);
    files.at(-1)!.push(token);
  }
  return files.map((tokens) => new FileReader(tokens).read());
}

/** Whether a statement of a file begins behind these tokens. */
const isStart = (tokens: readonly Token[] | undefined): boolean => {
  if (!tokens) return true;
  const depth = tokens.reduce((sum, { text }) => sum + Number(text === "{") - Number(text === "}"), 0);
  return depth === 0 && (tokens.at(-1)!.text === ";" || tokens.at(-1)!.text === "}");
};

class FileReader {
  private readonly tokens: TokenReader;

  constructor(tokens: readonly Token[]) {
    this.tokens = new TokenReader(tokens);
  }

  read(): ProtoFile {
    const { tokens } = this;
    const options: Record<string, string> = {};
    const file: Open<ProtoFile> = { package: "", syntax: "proto2", imports: [], messages: [], enums: [], options };
    while (!tokens.done) {
      if (tokens.takes("syntax")) file.syntax = this.syntax();
      else if (tokens.takes("edition")) file.syntax = this.edition();
      else if (tokens.takes("package")) file.package = this.statement(() => tokens.fullName());
      else if (tokens.takes("import")) file.imports.push(this.import());
      else if (tokens.takes("option")) this.option(options);
      else if (tokens.takes("message")) file.messages.push(this.message(0));
      else if (tokens.takes("enum")) file.enums.push(this.enum());
      else if (["extend", "service"].includes(tokens.next())) tokens.skip();
      else if (!tokens.takes(";")) throw tokens.problem(`unexpected "${tokens.next()}" at the start of a statement`);
    }
    return file;
  }

  private statement<T>(read: () => T): T {
    const value = read();
    this.tokens.expect(";");
    return value;
  }

  private syntax(): "proto2" | "proto3" {
    this.tokens.expect("=");
    const syntax = this.statement(() => unquoted(this.tokens.take()));
    if (syntax === "proto2" || syntax === "proto3") return syntax;
    throw this.tokens.problem(`unknown syntax "${syntax}": must be proto2 or proto3`);
  }

  private edition(): "editions" {
    this.tokens.expect("=");
    this.statement(() => this.tokens.take());
    return "editions";
  }

  private import(): string {
    if (!this.tokens.takes("public")) this.tokens.takes("weak");
    return this.statement(() => unquoted(this.tokens.take()));
  }

  private option(options: Record<string, string>): void {
    this.assign(options);
    this.tokens.expect(";");
  }

  /** Reads name = value, as in an option; a value in braces is skipped. */
  private assign(options: Record<string, string>): void {
    const { tokens } = this;
    let name = "";
    while (tokens.next() !== "=") name += tokens.take();
    tokens.expect("=");
    if (tokens.next() === "{") {
      tokens.skip();
      return;
    }
    const sign = tokens.takes("-") ? "-" : "";
    let value = sign + tokens.take();
    // Adjacent strings are concatenated.
    while (/^["']/.test(tokens.next())) value = value.slice(0, -1) + tokens.take().slice(1, -1) + value[0];
    options[name] = value;
  }

  private message(depth: number): WrittenMessage {
    return this.body(this.tokens.name(), depth);
  }

  private body(name: string, depth: number): WrittenMessage {
    const { tokens } = this;
    if (depth > MOST_DEPTH) throw tokens.problem(`messages are nested deeper than ${MOST_DEPTH}`);
    const options: Record<string, string> = {};
    const message: Open<WrittenMessage> = { name, fields: [], messages: [], enums: [], options };
    let oneofs = 0;
    tokens.expect("{");
    while (!tokens.takes("}")) {
      if (tokens.takes("message")) message.messages.push(this.message(depth + 1));
      else if (tokens.takes("enum")) message.enums.push(this.enum());
      else if (tokens.takes("option")) this.option(options);
      else if (tokens.takes("oneof")) this.oneof(message, ++oneofs, depth);
      else if (["reserved", "extensions", "extend"].includes(tokens.next())) tokens.skip();
      else if (!tokens.takes(";")) this.field(message, undefined, depth);
    }
    return message;
  }

  private oneof(message: Open<WrittenMessage>, oneof: number, depth: number): void {
    const { tokens } = this;
    tokens.name();
    tokens.expect("{");
    while (!tokens.takes("}")) {
      if (tokens.takes("option")) this.option({});
      else if (!tokens.takes(";")) this.field(message, oneof, depth);
    }
  }

  private field(message: Open<WrittenMessage>, oneof: number | undefined, depth: number): void {
    const { tokens } = this;
    const label = labels.find((one) => tokens.takes(one)) ?? "";
    const within = oneof === undefined ? {} : { oneof };
    if (tokens.takes("group")) {
      const type = tokens.name();
      const number = this.number();
      const options = this.options();
      message.messages.push(this.body(type, depth + 1));
      this.add(message, { name: type.toLowerCase(), number, type, label, group: true, options, ...within });
      return;
    }
    const type = tokens.fullName();
    const keyed = type === "map" && tokens.takes("<") ? this.map() : {};
    const name = tokens.name();
    const number = this.number();
    const options = this.options();
    tokens.expect(";");
    this.add(message, { name, number, type, label, group: false, options, ...keyed, ...within });
  }

  private add(message: Open<WrittenMessage>, field: WrittenField): void {
    const same = message.fields.find(({ name, number }) => name === field.name || number === field.number);
    if (same)
      throw this.tokens.problem(`${message.name}.${field.name} = ${field.number}: duplicate field name or number`);
    message.fields.push(field);
  }

  private map(): Pick<WrittenField, "type" | "key"> {
    const { tokens } = this;
    const key = tokens.name();
    tokens.expect(",");
    const type = tokens.fullName();
    tokens.expect(">");
    return { key, type };
  }

  private number(): number {
    this.tokens.expect("=");
    const number = this.tokens.integer();
    if (number >= 1 && number <= MOST_NUMBER) return number;
    throw this.tokens.problem(`a field number must be from 1 to ${MOST_NUMBER}, got ${number}`);
  }

  private options(): Options {
    const options: Record<string, string> = {};
    if (!this.tokens.takes("[")) return options;
    do this.assign(options);
    while (this.tokens.takes(","));
    this.tokens.expect("]");
    return options;
  }

  private enum(): WrittenEnum {
    const { tokens } = this;
    const options: Record<string, string> = {};
    const read: Open<WrittenEnum> = { name: tokens.name(), symbols: [], options };
    tokens.expect("{");
    while (!tokens.takes("}")) {
      if (tokens.takes("option")) this.option(options);
      else if (tokens.next() === "reserved") tokens.skip();
      else if (!tokens.takes(";")) read.symbols.push(this.symbol());
    }
    if (read.symbols.length === 0) throw tokens.problem(`enum ${read.name}: has no values`);
    return read;
  }

  private symbol(): readonly [string, number] {
    const name = this.tokens.name();
    this.tokens.expect("=");
    const number = this.tokens.integer();
    this.options();
    this.tokens.expect(";");
    return [name, number];
  }
}
