import { type KeptValue, keptRows } from "../../decode/kept-rows.js";

/** Formats of predictions: one score per line, a table with a header, or one object per line. */
export const predictionFormats = ["scores", "tsv", "csv", "jsonl"] as const;
/** The format of a line of predictions (docs/FORMATS.md). */
export type PredictionFormat = (typeof predictionFormats)[number];

/** The content of a row's line. */
export interface LineOptions {
  readonly format: PredictionFormat;
  /** Names of the values that are passed through, before the score. */
  readonly columns: readonly string[];
  /** A table has a column with the reason why a row was rejected. */
  readonly rejected: boolean;
  /** The calibrated probability follows the raw one. */
  readonly calibrated: boolean;
}

/** Predictions for the accepted rows, in their order. */
export interface Predictions {
  readonly raw: Float32Array;
  /** null if the model has no calibration. */
  readonly calibrated: Float32Array | null;
}

const none = { raw: "", calibrated: "" };

/** Names of what is written after the values that are passed through. */
export function scoreColumns({ calibrated, rejected }: Pick<LineOptions, "calibrated" | "rejected">): string[] {
  return ["score", ...(calibrated ? ["calibrated"] : []), ...(rejected ? ["rejected"] : [])];
}

/** The header line, for formats that have one. */
export function predictionHeader({ format, columns, ...scored }: LineOptions): string {
  if (format === "scores" || format === "jsonl") return "";
  return tableLine(format, [...columns, ...scoreColumns(scored)]);
}

/**
 * A line for every row, in stream order: accepted ones take the scores in turn, rejected ones have none.
 * @param kept the rows, as the decoder kept them
 */
export function predictionLines(options: LineOptions, kept: Uint8Array, scores: Predictions): string {
  let lines = "";
  let next = 0;
  for (const { rejected, values } of keptRows(kept, options.columns.length)) {
    lines += line(options, values, rejected === null ? textOf(scores, next++) : none, rejected);
  }
  return lines;
}

/** A row's probabilities as texts; empty for a rejected one. */
interface ScoreTexts {
  readonly raw: string;
  readonly calibrated: string;
}

function textOf({ raw, calibrated }: Predictions, row: number): ScoreTexts {
  return { raw: String(raw[row]), calibrated: calibrated ? String(calibrated[row]) : "" };
}

function line(options: LineOptions, values: readonly KeptValue[], score: ScoreTexts, rejected: string | null): string {
  const { format } = options;
  const scores = options.calibrated ? [score.raw, score.calibrated] : [score.raw];
  if (format === "scores") return `${rejected === null ? scores.join("\t") : ""}\n`;
  if (format === "jsonl") return objectLine(options, values, score, rejected);
  const cells = [...values.map(({ text }) => text), ...scores];
  if (options.rejected) cells.push(rejected ?? "");
  return tableLine(format, cells);
}

function objectLine(
  { columns, calibrated }: LineOptions,
  values: readonly KeptValue[],
  score: ScoreTexts,
  rejected: string | null,
): string {
  const members = values.map((value, i) => `${JSON.stringify(columns[i])}: ${jsonOf(value)}`);
  members.push(`"score": ${score.raw || "null"}`);
  if (calibrated) members.push(`"calibrated": ${score.calibrated || "null"}`);
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
