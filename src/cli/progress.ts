import type { Progress } from "../train/job.js";

const LINE_MS = 1000;

/** Shows progress on standard error: one line rewritten in place on a terminal, else a JSON line a second. */
export function progressReporter(
  stream: NodeJS.WriteStream,
  now: () => number,
): { show: (progress: Progress) => void; end: () => void } {
  let last = Number.NEGATIVE_INFINITY;
  let open = false;
  const show = (progress: Progress) => {
    if (stream.isTTY) {
      stream.write(`\r\x1b[2K${progressLine(progress).slice(0, stream.columns || 200)}`);
      open = true;
    } else if (now() - last >= LINE_MS) {
      last = now();
      stream.write(`${JSON.stringify({ progress })}\n`);
    }
  };
  return { show, end: () => open && stream.write("\n") };
}

/** One line for a person: examples, rate, losses, AUC, tables, memory, time left. */
export function progressLine(p: Progress): string {
  const rate = p.seconds > 0 ? p.examples_this_run / p.seconds : 0;
  const parts = [
    `${count(p.examples)} examples`,
    `${count(rate)}/s`,
    `logloss ${figure(p.lifetime.logloss)} (window ${figure(p.window.logloss)})`,
    `AUC ${figure(p.lifetime.auc)} (window ${figure(p.window.auc)}${p.oracle_auc === null ? "" : `, oracle ${figure(p.oracle_auc)}`})`,
    `NE ${figure(p.lifetime.normalized_entropy)}`,
    `calibration ${figure(p.lifetime.calibration)}`,
    `tables ${count(p.table_rows)} rows ${bytes(p.table_bytes)}`,
    `memory ${bytes(p.memory_bytes)}`,
  ];
  if (p.rejected > 0) parts.push(`rejected ${count(p.rejected)}`);
  if (p.skipped > 0) parts.push(`skipped ${count(p.skipped)}`);
  if (p.source)
    parts.push(
      p.source.ready ? `lag ${count(p.source.lag.reduce((a, b) => a + b, 0))}` : `waiting: ${p.source.reason}`,
    );
  if (p.done) parts.push(`${Math.floor(p.done * 100)} % ETA ${duration((p.seconds * (1 - p.done)) / p.done)}`);
  return parts.join(" · ");
}

/** 4 decimals, or a dash where there is no value. */
export function figure(value: number | null): string {
  return value === null ? "–" : value.toFixed(4);
}

export function count(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`;
  if (value >= 1e4) return `${(value / 1e3).toFixed(0)} k`;
  return String(Math.round(value));
}

export function bytes(value: number): string {
  if (value >= 1 << 30) return `${(value / (1 << 30)).toFixed(2)} GiB`;
  if (value >= 1 << 20) return `${(value / (1 << 20)).toFixed(1)} MiB`;
  return `${(value / 1024).toFixed(1)} KiB`;
}

export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  const two = (n: number) => String(n).padStart(2, "0");
  return s >= 3600
    ? `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`
    : `${Math.floor(s / 60)}:${two(s % 60)}`;
}
