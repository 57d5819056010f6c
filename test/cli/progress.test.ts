import { describe, expect, it } from "vitest";
import { progressLine, progressReporter } from "../../src/cli/progress.js";
import type { Progress } from "../../src/train/metrics/report.js";
import { noProgress } from "../train/metrics/no-progress.js";

const quality = {
  examples: 10,
  auc_error: 0,
  logloss: 0.512345678901234,
  auc: 0.712345678901234,
  normalized_entropy: 1,
  calibration: 1.1,
};
const progress: Progress = {
  ...noProgress,
  examples: 123_456,
  examples_this_run: 123_456,
  rejected: 7,
  seconds: 10,
  lifetime: quality,
  window: quality,
  table_rows: 3000,
  table_bytes: 1 << 20,
  memory_bytes: 1 << 28,
  done: 0.4,
};

/** The output to a terminal of this many columns, or to another stream. */
function shown(columns: number | null, json: boolean, times: readonly [ms: number, progress: Progress][]): string[] {
  const written: string[] = [];
  const write = (text: string) => written.push(text) > 0;
  let now = 0;
  const stream = { write, isTTY: columns !== null, columns: columns ?? 0 } as Parameters<typeof progressReporter>[0];
  const reporter = progressReporter(stream, { now: () => now, json });
  for (const [ms, value] of times) {
    now = ms;
    reporter.show(value);
  }
  return written;
}

describe("progress on a terminal", () => {
  it("fits the width, with the most important figures first, and is cut between figures", () => {
    for (const width of [20, 40, 60, 80, 120, 300]) {
      const [text] = shown(width, false, [[0, progress]]);
      const line = text.replace("\r\x1b[2K", "");
      expect(line.length).toBeLessThan(width);
      expect(line.startsWith("40 %")).toBe(true);
      expect(progressLine(progress)).toContain(line);
      expect(line).not.toMatch(/[·\s]$/);
    }
    expect(progressLine(progress, 75, 60)).toBe("40 % ETA 1:15 · AUC 0.7123 (window 0.7123) · rejected 7");
  });

  it("estimates the remaining time from this run, not from an earlier one", () => {
    const lines = shown(200, false, [
      [0, { ...progress, seconds: 1, done: 0.5 }],
      [10, { ...progress, seconds: 11, done: 0.6 }],
    ]);
    expect(lines[0]).not.toContain("ETA");
    expect(lines[1]).toContain("60 % ETA 0:40");
  });

  it("shows what a topic's reader waits for", () => {
    const source = { ready: false, reason: "no response from the brokers", lag: [] };
    expect(progressLine({ ...progress, done: null, source }, null, 60)).toMatch(/^waiting: no response/);
  });
});

describe("progress elsewhere", () => {
  const times = [0, 250, 1000, 5000, 5250, 10_000].map((ms): [number, Progress] => [ms, progress]);

  it("is a plain line every five seconds", () => {
    const lines = shown(null, false, times);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/^40 %.* AUC 0\.7123 .*memory 256\.0 MiB\n$/);
  });

  it("is JSON with rounded numbers with --json, once a second", () => {
    const lines = shown(null, true, times);
    expect(lines).toHaveLength(4);
    expect(JSON.parse(lines[0]).progress).toMatchObject({
      examples: 123_456,
      lifetime: { auc: 0.712346, logloss: 0.512346 },
    });
    expect(lines[0]).not.toMatch(/\d\.\d{9}/);
  });
});
