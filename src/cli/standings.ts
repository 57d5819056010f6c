import { bytes } from "../core/digits.js";
import type { Quality } from "../train/metrics/report.js";
import type { Pair, TogetherProgress } from "../train/together/options.js";
import { count, duration, figure } from "./progress.js";

const JSON_MS = 1000;
const LOG_MS = 5000;
const COLUMNS = 80;

/** Several models, and how they differ from the first. */
export interface Standing {
  readonly contenders: readonly { readonly name: string; readonly quality: Quality; readonly bytes: number }[];
  readonly pairs: readonly Pair[];
}

/** A table with a header and one line per model. */
export function standingLines({ contenders, pairs }: Standing): string[] {
  const rows = contenders.map(({ name, quality, bytes: size }) => {
    const pair = pairs.find((each) => each.name === name);
    const { auc, normalized_entropy, logloss } = quality;
    const figures = [figure(auc), figure(normalized_entropy), figure(logloss)];
    return [name, ...figures, difference(pair?.logloss), difference(pair?.auc), bytes(size), verdict(pair)];
  });
  const heading = ["model", "AUC", "NE", "logloss", "Δ logloss", "Δ AUC", "tables", ""];
  const widths = heading.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i].length)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (i === 0 || i === cells.length - 1 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
      .join("  ")
      .trimEnd();
  return [heading, ...rows].map(line);
}

function difference(value: Pair["auc"] | undefined): string {
  if (!value) return "";
  const sign = value.difference < 0 ? "−" : "+";
  const error = value.se === null ? "" : ` ± ${value.se.toFixed(5)}`;
  return `${sign}${Math.abs(value.difference).toFixed(5)}${error}`;
}

/** What can be said about a model at any moment. */
function verdict(pair: Pair | undefined): string {
  if (!pair) return "";
  if (!pair.verdict) return "inconclusive so far";
  const below = [1e-6, 1e-4, 0.001, 0.01, 0.05].find((bound) => pair.p_all! < bound) ?? 0.05;
  return `${pair.verdict} than ${pair.reference} (p < ${below})`;
}

/**
 * Shows the comparison of models on standard error: a table rewritten in place on a terminal; otherwise lines every few
 * seconds, or JSON lines.
 */
export function standingsReporter(
  stream: Pick<NodeJS.WriteStream, "write" | "isTTY" | "columns">,
  { now, json }: { readonly now: () => number; readonly json: boolean },
): { show: (progress: TogetherProgress) => void; end: () => void } {
  let last = json ? Number.NEGATIVE_INFINITY : now();
  let shown = 0;
  const show = (progress: TogetherProgress) => {
    if (stream.isTTY) {
      const width = (stream.columns || COLUMNS) - 1;
      const lines = progressLines(progress).map((line) => line.slice(0, width));
      const up = shown > 0 ? `\x1b[${shown}A` : "";
      stream.write(`${up}\r\x1b[J${lines.join("\n")}\n`);
      shown = lines.length;
    } else if (now() - last >= (json ? JSON_MS : LOG_MS)) {
      last = now();
      stream.write(json ? `${JSON.stringify({ progress })}\n` : `${progressLines(progress).join("\n")}\n`);
    }
  };
  // The summary replaces the table.
  return { show, end: () => shown > 0 && stream.write(`\x1b[${shown}A\r\x1b[J`) };
}

function progressLines({ contenders, pairs }: TogetherProgress): string[] {
  const first = contenders[0]?.progress;
  if (!first) return [];
  const rate = first.seconds > 0 ? first.examples_this_run / first.seconds : 0;
  const done = first.done === null ? [] : [`${Math.floor(first.done * 100)} %`];
  const source = first.source && !first.source.ready ? [`waiting: ${first.source.reason}`] : [];
  const head = [...done, ...source, `${count(first.examples)} examples`, `${count(rate)}/s`, duration(first.seconds)];
  const standing = contenders.map(({ name, progress }) => ({
    name,
    quality: progress.lifetime,
    bytes: progress.table_bytes,
  }));
  return [head.join(" · "), ...standingLines({ contenders: standing, pairs })];
}
