import { HashbrookError } from "../core/errors.js";
import type { Column } from "./column.js";
import { delimitedEvents, type OddLine, oddLine, separatorOf } from "./delimited-events.js";
import { jsonEvents } from "./json-events.js";
import type { Sample } from "./sample.js";

/** The format of events, as in a spec. */
export interface Written {
  readonly format: "tsv" | "csv" | "json";
  /** For csv: the separator of columns, if it is not a comma. */
  readonly separator?: string;
  /** Spaces around values are not part of them. */
  readonly trim?: true;
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

const LOOKED_AT = 200;
/** Letters of a line in an error. */
const SHOWN = 80;
/** A sample is cut into lines before anything is known of its quotes. */
const BREAKS = "(init, unlike train, does not read line breaks in quotes)";
/** The first line of JSON: an object, or an array of objects. */
const JSON_BEGINS = /^\s*(\{|\[\s*(\{|$))/;
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
  const long = longSeparator(lines);
  if (long !== undefined)
    return new HashbrookError("source_unreadable", `${file}: columns are separated by ${JSON.stringify(long)}`, {
      hint: `a separator has one character: ${replacing(file, `sed 's/${long}/\\t/g'`)} > FILE.tsv`,
    });
  const odd = oddLine(lines);
  if (odd !== undefined) return uneven(file, odd);
  const what = `lines are neither JSON objects nor rows with equally many columns ${BREAKS}`;
  return unknown(file, what, "events: { format: … }");
}

/** A separator of several characters that gives all lines equally many columns, `a::b`. */
function longSeparator(lines: readonly string[]): string | undefined {
  const [long] = /([:;|#~,])\1+/.exec(lines[0]) ?? [];
  if (long === undefined) return undefined;
  const width = (line: string) => line.split(long).length;
  return lines.every((line) => width(line) === width(lines[0])) ? long : undefined;
}

function uneven(file: string, { separator, width, line, columns }: OddLine): HashbrookError {
  const shown = line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line;
  const what = `separated by ${JSON.stringify(separator)}, most lines have ${width} columns, but this one has ${columns} ${BREAKS}: ${shown}`;
  if (separator === "\t" || !line.includes('\\"')) return unknown(file, what, "events: { format: csv }");
  return new HashbrookError("source_unreadable", `${file}: ${what}`, {
    hint: `in CSV a quote within quotes is written twice: ${replacing(file, `sed 's/\\\\"/""/g'`)} > FILE.csv`,
  });
}

/** A shell's command for the text of a file, which may be compressed. */
function replacing(file: string, sed: string): string {
  if (file.endsWith(".gz")) return `gzip -dc FILE | ${sed}`;
  if (file.endsWith(".zst")) return `zstd -dc FILE | ${sed}`;
  return `${sed} FILE`;
}

function unknown(file: string, what: string, events: string): HashbrookError {
  return new HashbrookError("source_unreadable", `${file}: ${what}`, {
    hint: `write the spec by hand, with ${events}: features/README.md explains every key`,
  });
}
