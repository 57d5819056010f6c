import { cellsIn } from "../decode/header.js";
import { isNull } from "./column.js";
import type { Events, Written } from "./events.js";

const SEPARATORS = ["\t", ",", ";", "|", "\x01"];
/** The share of lines that must have the same number of columns. */
const ALIKE = 0.95;
/** The share from which on they are taken for lines of columns at all. */
const MOST = 0.5;

/** What a separator makes of lines. */
interface Separated {
  readonly separator: string;
  /** The number of columns of most lines. */
  readonly width: number;
  /** The share of lines that have as many. */
  readonly alike: number;
  /** True if the first line, which may be a header, has as many. */
  readonly firstAlike: boolean;
}

/**
 * The separator that gives nearly all lines the same number of columns; of several, one that does so in the first line,
 * too (only cells may have lists of one length, `7|9|4`), and of these the one with the most columns.
 */
export function separatorOf(lines: readonly string[]): string | undefined {
  const found = separations(lines).filter(({ alike }) => alike >= ALIKE);
  const better = (a: Separated, b: Separated) => Number(b.firstAlike) - Number(a.firstAlike) || b.width - a.width;
  return found.toSorted(better)[0]?.separator;
}

/** A line that has another number of columns than most. */
export interface OddLine extends Separated {
  readonly line: string;
  readonly columns: number;
}

/** The first odd line, by the separator that fits best; undefined if none gives most lines the same number of columns. */
export function oddLine(lines: readonly string[]): OddLine | undefined {
  const [best] = separations(lines).toSorted((a, b) => b.alike - a.alike);
  if (best === undefined || best.alike < MOST) return undefined;
  const columns = (line: string) => cellsOf(line, best.separator).length;
  const line = lines.find((one) => columns(one) !== best.width)!;
  return { ...best, line, columns: columns(line) };
}

/** Separators that give lines more than one column. */
function separations(lines: readonly string[]): Separated[] {
  return SEPARATORS.map((separator) => {
    const widths = lines.map((line) => cellsOf(line, separator).length);
    const width = widths.toSorted((a, b) => a - b)[widths.length >> 1];
    const alike = widths.filter((one) => one === width).length / widths.length;
    return { separator, width, alike, firstAlike: widths[0] === width };
  }).filter(({ width }) => width > 1);
}

/** Events that are lines of columns. @param most the largest number of events */
export function delimitedEvents(lines: readonly string[], separator: string, most: number): Events {
  const trim = isSpaced(lines, separator);
  const rows = lines.map((line) => cellsOf(line, separator, trim));
  const header = isHeader(rows);
  const width = rows[0].length;
  const names = header ? rows[0] : Array.from({ length: width }, (_, i) => `c${i + 1}`);
  const first = header ? 1 : 0;
  const events = rows.slice(first, first + most).filter((row) => row.length === width);
  const written: Written = {
    format: separator === "\t" ? "tsv" : "csv",
    ...(separator === "\t" || separator === "," ? {} : { separator }),
    ...(trim && { trim }),
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

/** True if nearly all separators are followed by a space, `39, Private, 77516`. */
function isSpaced(lines: readonly string[], separator: string): true | undefined {
  const spaced = lines.filter((line) => {
    const [, ...cells] = line.split(separator);
    return cells.length > 0 && cells.every((cell) => cell.startsWith(" "));
  });
  return spaced.length >= ALIKE * lines.length || undefined;
}

/**
 * True if the first line has column names: no numbers, and none a value of its column further down, unless it names
 * numbers elsewhere (`y,week` above `y,2` and `n,11`). Some may be empty (an index) or repeated (joined tables).
 */
function isHeader([first, ...rows]: readonly (readonly string[])[]): true | undefined {
  const isName = (cell: string) => Number.isNaN(Number(cell)) && !/^\d{4}-\d\d-\d\d/.test(cell);
  const names = first.map((cell, i) => ({ cell, i })).filter(({ cell }) => cell !== "");
  if (names.length === 0 || !names.every(({ cell }) => isName(cell))) return undefined;
  const recurs = names.some(({ cell, i }) => rows.some((row) => row[i] === cell));
  return !recurs || names.some(({ cell, i }) => !isNull(cell) && isNumbers(rows.map((row) => row[i]))) || undefined;
}

const isNumbers = (cells: readonly string[]) =>
  cells.length > 0 && cells.every((cell) => cell?.trim() && Number.isFinite(Number(cell)));

/** The cells of a line; if tabs separate them, quotes (RFC 4180) are part of a cell. */
const cellsOf = (line: string, separator: string, trim = false): string[] =>
  cellsIn(line, { separator, quoted: separator !== "\t", trim });
