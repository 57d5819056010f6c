import { HashbrookError } from "../core/errors.js";
import { isObject } from "../core/json.js";
import { cellsIn } from "../decode/header.js";
import type { Column, Value } from "./column.js";
import type { Sample } from "./sample.js";

/** The format of events, as in a spec. */
export interface Written {
  readonly format: "tsv" | "csv" | "json";
  /** For csv: the separator of columns, if it is not a comma. */
  readonly separator?: string;
  /** The first line contains the column names. */
  readonly header?: true;
  /** Names of the columns in file order, if the file has none. */
  readonly names?: readonly string[];
}

/** Events as columns. */
export interface Events {
  readonly written: Written;
  readonly rows: number;
  readonly columns: readonly Column[];
  /** Columns and JSON members that a spec cannot name. */
  readonly unnamed: readonly string[];
  /** Those of them that are lists of objects. */
  readonly lists: readonly string[];
}

const SEPARATORS = ["\t", ",", ";", "|", "\x01"];
/** The share of lines that must have the same number of columns. */
const ALIKE = 0.95;
const LOOKED_AT = 200;
const DEPTH = 8;
/** A sample is cut into lines before anything is known of its quotes. */
const BREAKS = "(init, unlike train, does not read line breaks in quotes)";
/** The first line of JSON: an object, or an array of objects. */
const JSON_BEGINS = /^\s*(\{|\[\s*(\{|$))/;
/** An object with more members than this over all events, whose values are numbers, is a bag with weights. */
const MOST_MEMBERS = 32;

const others: readonly (readonly [pattern: RegExp, format: string])[] = [
  [/^[-+]?[\d.]+(\s+[^\s:|]+:[^\s:|]+:[-+\d.e]+)+\s*$/i, "libffm"],
  [/^[-+]?[\d.]+(\s+\d+:[-+\d.e]+)+\s*$/i, "libsvm"],
  [/(^|\s)\|[^\s|]*\s/, "vw"],
];

/**
 * Splits lines into columns.
 * @param most the largest number of events
 * @throws HashbrookError source_unreadable if events are neither JSON objects nor lines of columns, or take several lines
 */
export function eventsOf({ file, lines }: Pick<Sample, "file" | "lines">, most: number): Events {
  if (JSON_BEGINS.test(lines[0])) return jsonEvents(file, lines.slice(0, most));
  const other = others.find(([pattern]) => lines.slice(0, LOOKED_AT).every((line) => pattern.test(line)));
  if (other) throw unknown(file, `lines look like ${other[1]}`, `events: { format: ${other[1]} }`);
  const separator = separatorOf(lines.slice(0, LOOKED_AT));
  if (separator === undefined) throw unseparated(file, lines.slice(0, LOOKED_AT));
  const events = delimitedEvents(lines, separator, most);
  if (2 * events.rows >= Math.min(most, lines.length - 1) || lines.length < 3) return events;
  throw unknown(file, `few lines have as many columns as the first ${BREAKS}`, "events: { format: csv }");
}

function unseparated(file: string, lines: readonly string[]): HashbrookError {
  const [long] = /([:;|#~,])\1+/.exec(lines[0]) ?? [];
  const width = (line: string) => line.split(long!).length;
  if (long !== undefined && lines.every((line) => width(line) === width(lines[0])))
    return new HashbrookError("source_unreadable", `${file}: columns are separated by ${JSON.stringify(long)}`, {
      hint: `a separator has one character: ${replacing(file, `sed 's/${long}/\\t/g'`)} > FILE.tsv`,
    });
  return unknown(
    file,
    `lines are neither JSON objects nor rows with equally many columns ${BREAKS}`,
    "events: { format: … }",
  );
}

/** A shell's command for the text of a file, which may be compressed. */
function replacing(file: string, sed: string): string {
  if (file.endsWith(".gz")) return `gzip -dc FILE | ${sed}`;
  if (file.endsWith(".zst")) return `zstd -dc FILE | ${sed}`;
  return `${sed} FILE`;
}

function severalLines(file: string, what: string, hint: string): HashbrookError {
  return new HashbrookError("source_unreadable", `${file}: ${what}: an event must be one line`, { hint });
}

function unknown(file: string, what: string, events: string): HashbrookError {
  return new HashbrookError("source_unreadable", `${file}: ${what}`, {
    hint: `write the spec by hand, with ${events}: features/README.md explains every key`,
  });
}

/** The separator that gives nearly all lines the same number of columns; of several, the one with the most columns. */
function separatorOf(lines: readonly string[]): string | undefined {
  const found = SEPARATORS.map((separator) => {
    const widths = lines.map((line) => cellsOf(line, separator).length);
    const width = widths.toSorted((a, b) => a - b)[widths.length >> 1];
    return { separator, width, alike: widths.filter((one) => one === width).length / widths.length };
  }).filter(({ width, alike }) => width > 1 && alike >= ALIKE);
  return found.toSorted((a, b) => b.width - a.width)[0]?.separator;
}

function delimitedEvents(lines: readonly string[], separator: string, most: number): Events {
  const rows = lines.map((line) => cellsOf(line, separator));
  const header = isHeader(rows);
  const width = rows[0].length;
  const names = header ? rows[0] : Array.from({ length: width }, (_, i) => `c${i + 1}`);
  const first = header ? 1 : 0;
  const events = rows.slice(first, first + most).filter((row) => row.length === width);
  const written: Written = {
    format: separator === "\t" ? "tsv" : "csv",
    ...(separator === "\t" || separator === "," ? {} : { separator }),
    ...(header ? { header } : { names }),
  };
  const isRepeated = (name: string) => names.indexOf(name) !== names.lastIndexOf(name);
  // A spec takes `I1..I3` for a range of columns.
  const nameless = names.map((name) => name === "" || name.includes("..") || isRepeated(name));
  const columns = names
    .map((from, i) => ({ from, values: events.map((row) => row[i]) }))
    .filter((_, i) => !nameless[i]);
  const unnamed = new Set(names.filter((_, i) => nameless[i]).map((name) => name || "a column without a name"));
  return { written, rows: events.length, columns, unnamed: [...unnamed], lists: [] };
}

/**
 * True if the first line has column names: no numbers, and none a value of its column further down. Some may be empty
 * (an index) or repeated (joined tables).
 */
function isHeader([first, ...rows]: readonly (readonly string[])[]): true | undefined {
  const isName = (cell: string) => Number.isNaN(Number(cell)) && !/^\d{4}-\d\d-\d\d/.test(cell);
  const names = first.map((cell, i) => ({ cell, i })).filter(({ cell }) => cell !== "");
  const fit = names.every(({ cell, i }) => isName(cell) && rows.every((row) => row[i] !== cell));
  return (names.length > 0 && fit) || undefined;
}

/** The cells of a line; if tabs separate them, quotes (RFC 4180) are part of a cell. */
const cellsOf = (line: string, separator: string): string[] => cellsIn(line, separator, separator !== "\t");

function jsonEvents(file: string, lines: readonly string[]): Events {
  const rows = lines.map(parsed).filter((row) => row !== undefined);
  if (rows.length === 0) {
    const [what, filter] = lines[0].trimStart().startsWith("[")
      ? ["is a JSON array", "'.[]'"]
      : ["no line is a JSON object", "."];
    throw severalLines(file, what, `convert it: jq -c ${filter} FILE > FILE.jsonl`);
  }
  const values = new Map<string, Value[]>();
  const unnamed = new Set<string>();
  const lists = new Set<string>();
  const maps = mapsIn(rows);
  const add = (row: number, path: string, value: Value) => {
    if (!values.has(path)) values.set(path, []);
    if (values.get(path)![row] !== undefined) unnamed.add(path);
    values.get(path)![row] = value;
  };
  rows.forEach((row, i) => {
    flatten(row, "", { maps, unnamed, lists, add: (path, value) => add(i, path, value) });
  });
  const columns = [...values]
    .filter(([path]) => !unnamed.has(path))
    .map(([from, some]) => ({ from, values: Array.from(rows, (_, i) => some[i]) }));
  return { written: { format: "json" }, rows: rows.length, columns, unnamed: [...unnamed], lists: [...lists] };
}

type Row = { readonly [name: string]: unknown };

function parsed(line: string): Row | undefined {
  try {
    const row: unknown = JSON.parse(line);
    return isObject(row) ? row : undefined;
  } catch {
    return undefined; // training rejects it and reports the line
  }
}

/** Paths of objects that are bags, `{ item: weight }`. */
function mapsIn(rows: readonly Row[]): ReadonlySet<string> {
  const members = new Map<string, Set<string>>();
  const look = (value: unknown, path: string, depth: number) => {
    if (!isObject(value) || depth > DEPTH) return;
    if (!members.has(path)) members.set(path, new Set());
    for (const [name, inner] of Object.entries(value)) {
      if (typeof inner === "number") members.get(path)!.add(name);
      look(inner, path === "" ? name : `${path}.${name}`, depth + 1);
    }
  };
  for (const row of rows) look(row, "", 0);
  return new Set([...members].filter(([path, { size }]) => path !== "" && size > MOST_MEMBERS).map(([path]) => path));
}

interface Flattening {
  readonly maps: ReadonlySet<string>;
  readonly unnamed: Set<string>;
  readonly lists: Set<string>;
  add(path: string, value: Value): void;
}

function flatten(row: Row, prefix: string, to: Flattening): void {
  for (const [name, value] of Object.entries(row)) {
    const path = prefix + name;
    if (value === null) continue;
    const lists = isObjects(value);
    if (lists) to.lists.add(path);
    if (lists || name.split(".").includes("")) to.unnamed.add(path);
    else if (isObject(value) && !to.maps.has(path)) flatten(value, `${path}.`, to);
    else to.add(path, value as Value);
  }
}

/** True for an array of objects, or of arrays that are not weighted items. */
function isObjects(value: unknown): boolean {
  return Array.isArray(value) && value.some((item) => isObject(item) || (Array.isArray(item) && item.length !== 2));
}
