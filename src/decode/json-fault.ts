import { constantOf } from "../kernels/layouts.js";

/** Where and why a text is not one JSON object (RFC 8259) that the decoder reads. */
export interface JsonFault {
  /** What was found, and its byte offset within the text. */
  readonly value: string;
  readonly expected: string;
}

/** Maximum nesting of objects and arrays that the decoder reads. */
export const maxDepth = (): number => constantOf("scan", "MAX_DEPTH");

/** What a row of JSON must be. */
export const JSON_OBJECT = "one JSON object on the line, without an array around it, NaN or Infinity";
const VALUE = "a text in quotes, a number, true, false, null, [ or { (JSON has no NaN or Infinity)";

/** The first fault of a text; null if it has none. */
export function jsonFault(text: Uint8Array): JsonFault | null {
  try {
    new Walk(text).whole();
    return null;
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
}

class Fault extends Error implements JsonFault {
  readonly value: string;
  readonly expected: string;

  constructor(found: string, at: number, expected: string) {
    super();
    this.value = `${found} at byte offset ${at}`;
    this.expected = expected;
  }
}

const NUMBER_OR_WORD = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const SPACE = /[ \t\n\r]*/y;
const SHOWN = /\\.?|[\w.+-]{1,20}/y;
const QUOTE = 34;
const BACKSLASH = 92;

/** A strict parser of JSON's grammar that keeps nothing but its position. */
class Walk {
  /** One character a byte. */
  private readonly text: string;
  private at = 0;
  private depth = 0;
  private readonly deepest = maxDepth();

  constructor(text: Uint8Array) {
    this.text = Buffer.from(text.buffer, text.byteOffset, text.length).toString("latin1");
  }

  whole(): void {
    if (this.peek() !== "{") this.refuse(JSON_OBJECT);
    this.value();
    if (this.peek() !== "") this.refuse("nothing after the object");
  }

  private value(): void {
    const next = this.peek();
    if (next === "{") this.nested("}", () => this.member());
    else if (next === "[") this.nested("]", () => this.value());
    else if (next === '"') this.string();
    else if (this.match(NUMBER_OR_WORD) === "") this.refuse(VALUE);
  }

  private nested(closer: string, item: () => void): void {
    if (this.depth++ === this.deepest) this.refuse(`objects and arrays at most ${this.deepest} deep`);
    this.at++;
    if (this.peek() !== closer) this.items(closer, item);
    this.at++;
    this.depth--;
  }

  private items(closer: string, item: () => void): void {
    for (item(); this.peek() !== closer; item()) {
      if (this.peek() !== ",") this.refuse(`"," or "${closer}"`);
      this.at++;
    }
  }

  private member(): void {
    if (this.peek() !== '"') this.refuse("a name in double quotes");
    this.string();
    if (this.peek() !== ":") this.refuse('":"');
    this.at++;
    this.value();
  }

  private string(): void {
    this.at++;
    for (let code = this.code(); code !== QUOTE; code = this.code()) {
      if (code < 32) this.refuse(`it to be escaped: ${JSON.stringify(String.fromCharCode(code)).slice(1, -1)}`);
      if (code === BACKSLASH) this.escape();
      else this.at++;
    }
    this.at++;
  }

  private code(): number {
    if (this.at === this.text.length) this.refuse("a quote that ends the string");
    return this.text.charCodeAt(this.at);
  }

  private escape(): void {
    const known = String.raw`\", \\, \/, \b, \f, \n, \r, \t, or \u and four hexadecimal digits`;
    if (this.match(ESCAPE) === "") this.refuse(known);
  }

  /** The next character that is not space; "" at the end. */
  private peek(): string {
    this.match(SPACE);
    return this.text.charAt(this.at);
  }

  /** Passes over what matches here; "" if nothing does. */
  private match(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const [found = ""] = pattern.exec(this.text) ?? [];
    this.at += found.length;
    return found;
  }

  private refuse(expected: string): never {
    const at = this.at;
    throw new Fault(this.found(), at, expected);
  }

  /** What stands here: a word, or a character. */
  private found(): string {
    if (this.at === this.text.length) return "the end";
    const code = this.text.charCodeAt(this.at);
    if (code < 32) return `the control character U+${code.toString(16).padStart(4, "0").toUpperCase()}`;
    const [first] = Buffer.from(this.text.slice(this.at, this.at + 4), "latin1").toString("utf8");
    return this.match(SHOWN) || first;
  }
}
