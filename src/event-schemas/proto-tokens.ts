import { SchemaProblem } from "./types.js";

export interface Token {
  readonly text: string;
  readonly line: number;
}

const TOKEN =
  /\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\/|("(?:[^"\\\n]|\\[\s\S])*"|'(?:[^'\\\n]|\\[\s\S])*'|[A-Za-z_]\w*|(?:\d|\.\d)[\w.]*(?:(?<=[eE])[+-]\d+)?|[^\s\w])/y;

/**
 * The tokens of a .proto text: names, numbers, quoted texts, punctuation; without comments and spaces. @throws
 * SchemaProblem
 */
export function protoTokens(source: string): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < source.length) {
    const at = TOKEN.lastIndex;
    const found = TOKEN.exec(source);
    if (!found) throw new SchemaProblem(`line ${line}: unexpected ${JSON.stringify(source.slice(at, at + 10))}`);
    if (found[1] !== undefined) tokens.push({ text: found[1], line });
    line += found[0].split("\n").length - 1;
  }
  return tokens;
}

/** Reads tokens one after the other. */
export class TokenReader {
  private readonly tokens: readonly Token[];
  private at = 0;

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens;
  }

  get done(): boolean {
    return this.at >= this.tokens.length;
  }

  /** The next token's text, "" at the end. */
  next(): string {
    return this.tokens[this.at]?.text ?? "";
  }

  take(): string {
    if (this.done) throw this.problem("ends inside a statement");
    return this.tokens[this.at++].text;
  }

  /** Takes the next token if it is this one. */
  takes(text: string): boolean {
    if (this.next() !== text) return false;
    this.at++;
    return true;
  }

  expect(text: string): void {
    const found = this.next();
    if (!this.takes(text)) throw this.problem(`expected "${text}", got "${found}"`);
  }

  name(): string {
    const found = this.take();
    if (!/^[A-Za-z_]/.test(found)) throw this.problem(`expected a name, got "${found}"`);
    return found;
  }

  /** Reads names joined by dots, optionally after a leading dot. */
  fullName(): string {
    let name = this.takes(".") ? "." : "";
    name += this.name();
    while (this.takes(".")) name += `.${this.name()}`;
    return name;
  }

  integer(): number {
    const sign = this.takes("-") ? -1 : 1;
    const text = this.take();
    const value = Number(numeral(text));
    if (!Number.isInteger(value)) throw this.problem(`expected a whole number, got "${text}"`);
    return sign * value;
  }

  /** Skips a statement: to its semicolon, or past its braces. */
  skip(): void {
    for (let depth = 0; ; ) {
      const token = this.take();
      if (token === "{" || token === "[" || token === "(") depth++;
      if (token === "}" || token === "]" || token === ")") depth--;
      if (depth < 0) throw this.problem(`unmatched "${token}"`);
      if (depth === 0 && (token === ";" || token === "}")) return;
    }
  }

  problem(what: string): SchemaProblem {
    const { line } = this.tokens[Math.min(this.at, this.tokens.length) - 1] ?? { line: 1 };
    return new SchemaProblem(`line ${line}: ${what}`);
  }
}

const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", a: "\x07", b: "\b", f: "\f", v: "\v" };

const ESCAPE = /\\([xX][\da-fA-F]{1,2}|[0-7]{1,3}|u[\da-fA-F]{4}|U00(?:0[\da-fA-F]|10)[\da-fA-F]{4}|[\s\S])/g;

/** A character for each byte of a text, and back. */
const toBytes = (text: string): string => Buffer.from(text).toString("latin1");
const fromBytes = (bytes: string): string => Buffer.from(bytes, "latin1").toString();

/** The content of a quoted text. Numeric escapes stand for bytes, several of which may form a character. */
export function unquoted(token: string): string {
  return fromBytes(toBytes(token.slice(1, -1)).replace(ESCAPE, (_, code: string) => unescaped(code)));
}

function unescaped(code: string): string {
  if (/^[0-7]/.test(code)) return String.fromCharCode(Number.parseInt(code, 8));
  if (code.length === 1) return escapes[code] ?? code;
  const value = Number.parseInt(code.slice(1), 16);
  return /^x/i.test(code) ? String.fromCharCode(value) : toBytes(String.fromCodePoint(value));
}

/** An integer literal as JavaScript writes it: .proto octals begin with a bare 0. */
export const numeral = (text: string): string => text.replace(/^0(?=[0-7]+$)/, "0o");
