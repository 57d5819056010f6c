import { bytes } from "../core/digits.js";
import type { Progress } from "../train/metrics/report.js";

/** Milliseconds between two JSON lines, and between two lines of a log. */
const JSON_MS = 1000;
const LOG_MS = 5000;
/** Width if a terminal does not report it. */
const COLUMNS = 80;

export interface ProgressOptions {
  /** Default: the clock's. */
  readonly now: () => number;
  /** JSON lines for a program to read, if standard error is not a terminal. */
  readonly json: boolean;
}

/**
 * Shows progress on standard error: one line rewritten in place on a terminal; otherwise a line every few seconds, or
 * JSON lines.
 */
export function progressReporter(
  stream: Pick<NodeJS.WriteStream, "write" | "isTTY" | "columns">,
  { now, json }: ProgressOptions,
): { show: (progress: Progress) => void; end: () => void } {
  let last = json ? Number.NEGATIVE_INFINITY : now();
  let open = false;
  const left = new TimeLeft();
  const show = (progress: Progress) => {
    const seconds = left.after(progress);
    if (stream.isTTY) {
      stream.write(`\r\x1b[2K${progressLine(progress, seconds, stream.columns || COLUMNS)}`);
      open = true;
    } else if (now() - last >= (json ? JSON_MS : LOG_MS)) {
      last = now();
      stream.write(json ? `${JSON.stringify({ progress }, rounded)}\n` : `${progressLine(progress, seconds)}\n`);
    }
  };
  return { show, end: () => open && stream.write("\n") };
}

/** Accounts for the share that a resumed run had done before it started. */
class TimeLeft {
  private first: { readonly done: number; readonly seconds: number } | null = null;

  /** Seconds left; null if unknown. */
  after({ done, seconds }: Progress): number | null {
    if (done === null) return null;
    this.first ??= { done, seconds };
    const { first } = this;
    return done > first.done ? ((seconds - first.seconds) * (1 - done)) / (done - first.done) : null;
  }
}

function rounded(_: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value;
}

/**
 * One line for people, most important first; what exceeds `width` is left out.
 * @param left seconds left, null if unknown
 */
export function progressLine(p: Progress, left: number | null = null, width = Number.POSITIVE_INFINITY): string {
  const parts = [...whereParts(p, left), ...qualityParts(p), ...sizeParts(p)];
  let line = "";
  for (const part of parts) {
    const longer = line === "" ? part : `${line} · ${part}`;
    // Writing to a terminal's last column would wrap to the next line.
    if (longer.length >= width) break;
    line = longer;
  }
  return line === "" ? (parts[0] ?? "").slice(0, Math.max(0, width - 1)) : line;
}

function whereParts(p: Progress, left: number | null): string[] {
  const parts: string[] = [];
  if (p.done !== null) parts.push(`${Math.floor(p.done * 100)} %${left === null ? "" : ` ETA ${duration(left)}`}`);
  const { source } = p;
  if (source && !source.ready) parts.push(`waiting: ${source.reason}`);
  else if (source) parts.push(`lag ${count(source.lag.reduce((a, b) => a + b, 0))}`);
  return parts;
}

function qualityParts(p: Progress): string[] {
  const { validation, seen } = p;
  const oracle = p.oracle_auc === null ? "" : `, oracle ${figure(p.oracle_auc)}`;
  const parts = [`AUC ${figure(p.lifetime.auc)} (window ${figure(p.window.auc)}${oracle})`];
  if (validation) parts.push(`validation AUC ${figure(validation.auc)} logloss ${figure(validation.logloss)}`);
  if (seen) parts.push(`seen before: AUC ${figure(seen.auc)}`);
  if (p.gate?.held) parts.push(p.gate.held);
  if (p.skipped > 0) parts.push(`skipped ${count(p.skipped)}`);
  if (p.rejected > 0) parts.push(`rejected ${count(p.rejected)}`);
  return parts;
}

function sizeParts(p: Progress): string[] {
  const rate = p.seconds > 0 ? p.examples_this_run / p.seconds : 0;
  return [
    `${count(p.examples)} examples`,
    `${count(rate)}/s`,
    `logloss ${figure(p.lifetime.logloss)} (window ${figure(p.window.logloss)})`,
    `calibration ${figure(p.lifetime.calibration)}`,
    `NE ${figure(p.lifetime.normalized_entropy)}`,
    `tables ${count(p.table_rows)} rows ${bytes(p.table_bytes)}`,
    `memory ${bytes(p.memory_bytes)}`,
  ];
}

/** 4 decimals, or a dash if there is no value. */
export function figure(value: number | null): string {
  return value === null ? "–" : value.toFixed(4);
}

export function count(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`;
  if (value >= 1e4) return `${(value / 1e3).toFixed(0)} k`;
  return String(Math.round(value));
}

/** A count and its noun: `1 row`, `12 k rows`. */
export const counted = (value: number, noun: string, text = count(value)): string =>
  `${text} ${noun}${value === 1 ? "" : "s"}`;

export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  const two = (n: number) => String(n).padStart(2, "0");
  return s >= 3600
    ? `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`
    : `${Math.floor(s / 60)}:${two(s % 60)}`;
}
