import { type KeptValue, keptRows } from "../decode/kept-rows.js";

/** How predictions are written: a score a line; or a table with a header; or an object a line. */
export const predictionFormats = ["scores", "tsv", "csv", "jsonl"] as const;
/** How a line of predictions is written (docs/FORMATS.md). */
export type PredictionFormat = (typeof predictionFormats)[number];

/** What a row's line has. */
export interface LineOptions {
  readonly format: PredictionFormat;
  /** Names of the values that are passed through, before the score. */
  readonly columns: readonly string[];
  /** A table has a column that says why a row was rejected. */
  readonly rejected: boolean;
}

/** The first line, of formats that have one. */
export function predictionHeader({ format, columns, rejected }: LineOptions): string {
  if (format === "scores" || format === "jsonl") return "";
  const names = [...columns, "score", ...(rejected ? ["rejected"] : [])];
  return tableLine(format, names);
}

/**
 * A line for every row, in the order of the stream: accepted ones take the scores in turn, rejected ones have none.
 * @param kept the rows, as the decoder kept them
 */
export function predictionLines(options: LineOptions, kept: Uint8Array, scores: Float32Array): string {
  let lines = "";
  let next = 0;
  for (const { rejected, values } of keptRows(kept, options.columns.length)) {
    lines += line(options, values, rejected === null ? String(scores[next++]) : "", rejected);
  }
  return lines;
}

function line(options: LineOptions, values: readonly KeptValue[], score: string, rejected: string | null): string {
  const { format } = options;
  if (format === "scores") return `${score}\n`;
  if (format === "jsonl") return objectLine(options, values, score, rejected);
  const cells = [...values.map(({ text }) => text), score];
  if (options.rejected) cells.push(rejected ?? "");
  return tableLine(format, cells);
}

function objectLine(
  { columns }: LineOptions,
  values: readonly KeptValue[],
  score: string,
  rejected: string | null,
): string {
  const members = values.map((value, i) => `${JSON.stringify(columns[i])}: ${jsonOf(value)}`);
  members.push(`"score": ${score || "null"}`);
  if (rejected !== null) members.push(`"rejected": "${rejected}"`);
  return `{${members.join(", ")}}\n`;
}

/** Numbers keep their digits: a 64-bit id is never rounded. */
function jsonOf({ kind, text }: KeptValue): string {
  if (kind === "missing") return "null";
  return kind === "json" ? text : JSON.stringify(text);
}

function tableLine(format: "tsv" | "csv", cells: readonly string[]): string {
  const written = cells.map(format === "tsv" ? tsvCell : csvCell);
  return `${written.join(format === "tsv" ? "\t" : ",")}\n`;
}

/** A tab or the end of a line inside a value is escaped: \\t, \\n, \\r. */
function tsvCell(text: string): string {
  return /[\t\n\r]/.test(text)
    ? text.replace(/[\t\n\r]/g, (c) => (c === "\t" ? "\\t" : c === "\n" ? "\\n" : "\\r"))
    : text;
}

/** RFC 4180. */
function csvCell(text: string): string {
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
