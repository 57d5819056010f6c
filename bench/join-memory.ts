import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { FeedbackStream } from "./lib/feedback-stream.js";
import { median, round } from "./lib/run.js";

/** Impressions per second. */
const RATE = 50_000;
/** Seconds for which clicks count, and by which they may be late. A smoke run's are few, so that it needs few clicks. */
const WAIT = { window: 900, lateness: 60 };
const SHORT = { window: 9, lateness: 1 };
/** Clicks continue after the impressions, as in a running service, for a little longer than a batch waits. */
const AHEAD = 1.05;
const PIECE = 2_500;
const SAMPLE_MS = 2_000;
const TICKS = 100;

/**
 * A trainer (lr) that joins impressions with clicks for `minutes`, both read from pipes: 50,000 impressions per second of event time and of wall-clock time,
 * so that a window of 15 minutes has the clicks of 45,000,000 of them. The rate must be sustained, and memory must be flat once the tables and the window's clicks are loaded.
 */
export async function run({
  smoke,
  minutes = smoke ? 0.03 : 1,
}: {
  smoke: boolean;
  minutes?: number;
}): Promise<object> {
  const folder = mkdtempSync(join(tmpdir(), "hashbrook-join-memory-"));
  try {
    const rows = Math.round(minutes * 60 * RATE);
    const wait = smoke ? SHORT : WAIT;
    const stream = await FeedbackStream.simulated(RATE, 1000 * wait.window);
    const ahead = Math.round(AHEAD * (wait.window + wait.lateness) * RATE);
    const trainer = start(folder, wait);
    const samples: Sample[] = [];
    const timer = setInterval(() => samples.push(sampleOf(trainer.pid)), SAMPLE_MS);
    const clicks = createWriteStream(trainer.clicks);
    const [offered, report] = await Promise.all([
      paced(stream, rows, trainer.stdin),
      trainer.report,
      told(stream.clicksOn(rows + ahead), clicks),
    ]);
    clearInterval(timer);
    if (report.join.joined !== stream.clicks(rows)) throw new Error("some clicks were not joined");
    return { ...summary(samples, report), ...offered, minutes };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Sample {
  /** Bytes. */
  readonly resident: number;
  /** Processor time so far. */
  readonly seconds: number;
}

interface TrainReport {
  readonly examples: number;
  readonly seconds: number;
  readonly bytes_total: number;
  readonly join: { readonly joined: number };
}

function start(folder: string, wait: typeof WAIT) {
  const clicks = join(folder, "clicks");
  execFileSync("mkfifo", [clicks]);
  const inputs = ["--model", specOf(folder, wait), "--data", "-", "--clicks", clicks, "--out", join(folder, "run")];
  const args = ["dist/cli/main.js", "train", ...inputs, "--checkpoint-seconds", "30", "--json"];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "ignore"] });
  let stdout = "";
  child.stdout.on("data", (text) => (stdout += text));
  const report = once(child, "close").then(([status]) => {
    if (status !== 0) throw new Error(`train: exit ${status}`);
    return JSON.parse(stdout.trim().split("\n").at(-1)!) as TrainReport;
  });
  return { pid: child.pid!, stdin: child.stdin, clicks, report };
}

/** Impressions at the given rate. @returns how long the trainer delayed them */
async function paced(stream: FeedbackStream, count: number, to: NodeJS.WritableStream): Promise<object> {
  const began = performance.now();
  const behind: number[] = [];
  let told = 0;
  for (const { bytes, rows } of stream.impressions(count, PIECE)) {
    told += rows;
    const early = (told / RATE) * 1000 - (performance.now() - began);
    if (early > 0) await sleep(early);
    if (!to.write(bytes)) await once(to, "drain");
    behind.push(performance.now() - began - (told / RATE) * 1000);
  }
  to.end();
  const seconds = (performance.now() - began) / 1000;
  const late = behind.slice(behind.length >> 1).reduce((most, ms) => Math.max(most, ms), 0);
  return {
    taken_per_second: Math.round(count / seconds),
    caught_up_after_seconds: round(((behind.findLastIndex((ms) => ms > 1000) + 1) * PIECE) / RATE, 1),
    most_seconds_behind_in_second_half: round(late / 1000, 2),
  };
}

/** Clicks as fast as they are read, until the reader ends. */
function told(pieces: Iterable<Buffer>, to: NodeJS.WritableStream): Promise<void> {
  return pipeline(pieces, to).catch((error) => {
    if (error.code !== "EPIPE") throw error;
  });
}

function specOf(folder: string, { window, lateness }: typeof WAIT): string {
  const joined = readFileSync("features/ads-demo-join.yaml", "utf8")
    .replace("window: 15m", `window: ${window}s`)
    .replace("lateness: 1m", `lateness: ${lateness}s`);
  const clicks = joined.slice(joined.indexOf("join:"), joined.indexOf("fields:"));
  const label = `label: { field: label, time: ts_ms, id: event_id, oracle: oracle }\n${clicks}`;
  const path = join(folder, "lr.yaml");
  writeFileSync(path, readFileSync("features/ads-demo-lr.yaml", "utf8").replace(/^label: .*\n/m, label));
  return path;
}

function summary(samples: readonly Sample[], report: TrainReport): object {
  const seen = samples.filter(({ resident }) => resident > 0);
  const resident = seen.map(({ resident }) => resident);
  const tenths = Array.from({ length: 10 }, (_, i) => {
    const [from, to] = [i, i + 1].map((tenth) => Math.floor((tenth * resident.length) / 10));
    return Math.round(median(resident.slice(from, Math.max(to, from + 1))) / 2 ** 20);
  });
  const half = seen.slice(seen.length >> 1);
  const processor = (half[half.length - 1].seconds - half[0].seconds) / (((half.length - 1) * SAMPLE_MS) / 1000 || 1);
  return {
    what: "a trainer (lr) that joins 50,000 impressions per second, of event time and of wall-clock time, with their clicks (a window of 15 minutes), both from pipes",
    cores: availableParallelism(),
    impressions: report.examples,
    joined: report.join.joined,
    table_bytes: report.bytes_total,
    peak_resident_bytes: Math.max(...resident),
    // A sample also depends on when garbage was last collected.
    resident_mib_by_tenths: tenths,
    growth_in_second_half: round(tenths[9] / tenths[5] - 1),
    processors_used_in_second_half: round(processor, 2),
  };
}

/** Zeros if the process is gone. */
function sampleOf(pid: number): Sample {
  try {
    const kib = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
    const [, stat] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
    const [user, system] = stat.split(" ").slice(11, 13).map(Number);
    return { resident: 1024 * kib, seconds: (user + system) / TICKS };
  } catch {
    return { resident: 0, seconds: 0 };
  }
}
