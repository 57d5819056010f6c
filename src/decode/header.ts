import { HashbrookError } from "../core/errors.js";
import { nearest } from "../core/nearest.js";
import type { CompiledSpec, Format } from "../spec/compiled.js";
import type { ScanInput } from "./input.js";
import { notText, TELLING_BYTES } from "./not-text.js";
import { sourcesOf } from "./places.js";
import { MAX_COLUMNS, type PlanOptions } from "./plan-options.js";
import { MAX_ROW } from "./reject.js";

const REMEDY = "name the columns in the file's first line as in the spec, or set events.header to false";

const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];
const NEWLINE = 10;
const QUOTE = 34;
const SPACE = 32;
const TAB = 9;

/** How a file's first line names its columns. */
export interface HeaderOptions {
  readonly separator: string;
  /** Names may be in quotes. */
  readonly quoted: boolean;
  /** Spaces around names are not part of them. */
  readonly trim?: boolean;
  /** Columns and paths that the file must have. */
  readonly needed: readonly string[];
}

/** How a line is divided into cells. */
export type CellOptions = Pick<HeaderOptions, "separator" | "quoted" | "trim">;

/** A file's header. */
export interface Header {
  /** Columns; none if the file has no header or no content. */
  readonly names: readonly string[];
  /** Number of its lines. */
  readonly lines: number;
}

const NO_HEADER: Header = { names: [], lines: 0 };

/**
 * Skips the byte order mark and the header of a file, which must be text.
 * @param header null: it has none
 * @param end of the header, as far as this file has been looked through; a new one for every file
 * @returns null while its beginning is incomplete
 * @throws HashbrookError source_unreadable
 */
export function beginFile(input: ScanInput, header: HeaderOptions | null, end: HeaderEnd): Header | null {
  const first = input.bytes(input.read, input.end).subarray(0, 3);
  const foreign = notText(input.bytes(input.read, input.end).subarray(0, TELLING_BYTES));
  if (foreign) throw foreign;
  const marked = first.every((byte, i) => byte === BYTE_ORDER_MARK[i]);
  if (first.length < 3 && marked && !input.ended) return null;
  const from = input.read + (first.length === 3 && marked ? 3 : 0);
  if (header && !input.ended && !hasHeader(input, from, header, end)) return null;
  input.advance(from);
  return header && input.unread > 0 ? readHeader(input, header, end) : NO_HEADER;
}

/** @throws HashbrookError source_unreadable when its first line is too long */
function hasHeader(input: ScanInput, from: number, header: HeaderOptions, end: HeaderEnd): boolean {
  if (input.limit > from && end.in(input.bytes(from, input.limit), header) !== null) return true;
  if (input.unread <= MAX_ROW) return false;
  if (input.limit > from) return true;
  throw new HashbrookError("source_unreadable", "header: longer than 4 MiB");
}

function readHeader(input: ScanInput, header: HeaderOptions, end: HeaderEnd): Header {
  const bytes = input.bytes(input.read, input.limit);
  const length = end.in(bytes, header) ?? bytes.indexOf(NEWLINE);
  const text = headerText(bytes.subarray(0, length));
  const names = cellsIn(text, header);
  checkHeader(names, header.needed);
  input.advance(input.read + length + 1);
  return { names, lines: text.split("\n").length };
}

/** Finds the newline that ends a header in the bytes of a file, which arrive in pieces; each is looked at once. */
export class HeaderEnd {
  private at = 0;
  private inside = false;
  /** The byte before `at`; if spaces around names are left out, the last one that is none. */
  private before: number | undefined;

  /**
   * Bytes before the newline; null if the bytes end within a quoted name.
   * @param bytes those of earlier calls, and those that have arrived since
   */
  in(bytes: Uint8Array, { separator, quoted, trim }: CellOptions): number | null {
    const between = separator.charCodeAt(0);
    for (let { before = between } = this; this.at < bytes.length; this.before = before, this.at++) {
      const byte = bytes[this.at];
      if (quoted && byte === QUOTE && (this.inside || before === between || before === QUOTE))
        this.inside = !this.inside;
      if (byte === NEWLINE && !this.inside) return this.at;
      if (!trim || (byte !== SPACE && byte !== TAB)) before = byte;
    }
    return null;
  }
}

/** A header's text. @throws HashbrookError source_unreadable when it is not UTF-8 */
function headerText(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new HashbrookError("source_unreadable", "header: not UTF-8", { cause });
  }
}

/** Messages have no header: the spec must have named their columns. @throws HashbrookError spec_invalid */
export function columnsOfMessages(columns: readonly string[]): readonly string[] {
  if (columns.length > 0) return columns;
  throw new HashbrookError("spec_invalid", "events.columns: a topic's messages have no header that names them", {
    hint: "name the columns in the spec: events: { columns: [...] }",
  });
}

/** The cells of a line, unquoted if they may be in quotes (RFC 4180). */
export function cellsIn(line: string, { separator, quoted, trim = false }: CellOptions): string[] {
  const text = line.endsWith("\r") ? line.slice(0, -1) : line;
  const trimmed = (name: string) => (trim ? name.replace(/^[ \t]+|[ \t]+$/g, "") : name);
  if (!quoted || !text.includes('"')) return text.split(separator).map(trimmed);
  const afterBlanks = (at: number) => (trim ? at + /^[ \t]*/.exec(text.slice(at))![0].length : at);
  const names: string[] = [];
  let at = 0;
  do {
    const start = afterBlanks(at);
    const isQuoted = text[start] === '"';
    const inside = isQuoted ? quotedName(text, start + 1) : { name: "", end: start };
    // Nothing belongs between a closing quote and the separator, but it does not end the cell.
    const { name, end } = plainName(text, isQuoted ? afterBlanks(inside.end) : start, separator);
    names.push(inside.name + trimmed(name));
    at = end + 1;
  } while (at <= text.length);
  return names;
}

/** A description of a row's number of columns; null if rows have none. */
export function columnsIn(row: Uint8Array, separator: string, format: Format): string | null {
  if (format !== "tsv" && format !== "csv") return null;
  const count = cellsIn(Buffer.from(row).toString("latin1"), { separator, quoted: format === "csv" }).length;
  return count === 1 ? "1 column" : `${count} columns`;
}

function plainName(text: string, at: number, separator: string): { name: string; end: number } {
  const found = text.indexOf(separator, at);
  const end = found < 0 ? text.length : found;
  return { name: text.slice(at, end), end };
}

/** @param at right after the opening quote */
function quotedName(text: string, at: number): { name: string; end: number } {
  let name = "";
  let i = at;
  for (; i < text.length; i++) {
    if (text[i] === '"' && text[++i] !== '"') break;
    name += text[i];
  }
  return { name, end: i };
}

/**
 * Checks that a header names every column that is needed, once.
 * @throws HashbrookError source_unreadable naming the column and the header found
 */
function checkHeader(names: readonly string[], needed: readonly string[]): void {
  const found = `the header has: ${names.slice(0, 50).join(", ").slice(0, 1000)}`;
  if (names.length > MAX_COLUMNS)
    throw new HashbrookError("source_unreadable", `header: more than ${MAX_COLUMNS} columns`);
  for (const name of needed) {
    const count = names.filter((other) => other === name).length;
    if (count === 0) {
      const hint = hintFor(name, names);
      throw new HashbrookError("source_unreadable", `header: no column "${name}"; ${found}`, { hint });
    }
    if (count > 1)
      throw new HashbrookError("source_unreadable", `header: column "${name}" occurs ${count} times; ${found}`, {
        hint: REMEDY,
      });
  }
}

/** The hint for a missing column: the most similar name, if any. */
function hintFor(name: string, names: readonly string[]): string {
  const other = names.length === 1 && [";", "\t", "|", ","].find((separator) => names[0].split(separator).length > 2);
  if (other)
    return `if its columns are separated by ${JSON.stringify(other)}, set events: { separator: ${JSON.stringify(other)} }`;
  const near = nearest(name, names);
  if (names.some((other) => other.includes("\r") && !other.includes("\n")))
    return "its lines end in carriage returns alone; convert it: tr '\\r' '\\n' < FILE > FILE.txt";
  // A single letter is similar to any other.
  if (near === undefined || (near.length < 3 && near.toLowerCase() !== name.toLowerCase())) return REMEDY;
  return `did you mean "${near}"? Column names in the spec must equal those of the header`;
}

/** What a file's header must have: every column that is read or kept. */
export function headerOptions(
  spec: CompiledSpec,
  { format, requireLabel, unlabelled, kept }: PlanOptions,
): HeaderOptions {
  const fields = spec.fields.flatMap((field) => ("from" in field ? [field.from] : []));
  const read = requireLabel ? sourcesOf(spec, format) : fields;
  const needed = new Set([...(unlabelled ? read.slice(1) : read), ...(kept ?? [])]);
  const { separator, trim = false } = spec.events;
  return { separator, quoted: format === "csv", trim, needed: [...needed] };
}
