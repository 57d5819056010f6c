import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { simulate } from "../src/sources/simulator/run.js";
import { median, round } from "./lib/run.js";

/** Impressions a second. */
const RATE = 50_000;
const SAMPLE_MS = 2_000;
const SEED = 7;

/**
 * Resident memory of a trainer (lr) that joins impressions with clicks for `minutes`, both of them told by pipes at the pace of
 * 50,000 impressions a second. Memory must be flat once the tables and the window's clicks are there.
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
    const clicks = join(folder, "clicks");
    execFileSync("mkfifo", [clicks]);
    const child = spawn(
      process.execPath,
      [
        ...["dist/cli/main.js", "train", "--model", specOf(folder), "--data", "-", "--clicks", clicks],
        ...["--out", join(folder, "run"), "--checkpoint-seconds", "30", "--json"],
      ],
      { stdio: ["pipe", "pipe", "ignore"] },
    );
    let stdout = "";
    child.stdout.on("data", (text) => (stdout += text));
    const ended = once(child, "close");
    const samples: number[] = [];
    const timer = setInterval(() => samples.push(residentBytes(child.pid!)), SAMPLE_MS);
    // Each stream by a simulator of its own: which of them is ahead is the reader's affair.
    await Promise.all([
      told(rows, { impressions: paced(child.stdin) }),
      told(rows, { clicks: into(createWriteStream(clicks)) }),
    ]);
    const [status] = await ended;
    clearInterval(timer);
    if (status !== 0) throw new Error(`train: exit ${status}`);
    const report = JSON.parse(stdout.trim().split("\n").at(-1)!);
    return { ...summary(samples, report), minutes };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

type Told = { [K in "impressions" | "clicks"]?: Sink };
interface Sink {
  write(bytes: Uint8Array): Promise<void>;
  end(): void;
}

async function told(rows: number, parts: Told): Promise<void> {
  const split = Object.fromEntries(Object.entries(parts).map(([name, { write }]) => [name, write]));
  await simulate({ rows, seed: SEED, format: "tsv", write: () => {}, split: { ...split, window: 900_000 } });
  for (const { end } of Object.values(parts)) end();
}

function into(stream: NodeJS.WritableStream): Sink {
  const write = async (bytes: Uint8Array) => {
    // The simulator's bytes are ours only until this returns.
    if (!stream.write(Buffer.from(bytes))) await once(stream, "drain");
  };
  return { write, end: () => void stream.end() };
}

function paced(stream: NodeJS.WritableStream): Sink {
  const { write, end } = into(stream);
  const begun = performance.now();
  let rows = 0;
  return {
    end,
    async write(bytes) {
      for (const byte of bytes) rows += Number(byte === 10);
      const early = (rows / RATE) * 1000 - (performance.now() - begun);
      if (early > 0) await sleep(early);
      await write(bytes);
    },
  };
}

function specOf(folder: string): string {
  const joined = readFileSync("features/ads-demo-join.yaml", "utf8");
  const clicks = joined.slice(joined.indexOf("join:"), joined.indexOf("fields:"));
  const label = `label: { field: label, time: ts_ms, id: event_id, oracle: oracle }\n${clicks}`;
  const path = join(folder, "lr.yaml");
  writeFileSync(path, readFileSync("features/ads-demo-lr.yaml", "utf8").replace(/^label: .*\n/m, label));
  return path;
}

function summary(
  samples: readonly number[],
  report: { examples: number; seconds: number; bytes_total: number },
): object {
  const seen = samples.filter((sample) => sample > 0);
  const tenths = Array.from({ length: 10 }, (_, i) => {
    const [from, to] = [i, i + 1].map((tenth) => Math.floor((tenth * seen.length) / 10));
    return Math.round(median(seen.slice(from, Math.max(to, from + 1))) / 2 ** 20);
  });
  return {
    what: "resident memory of a trainer (lr) that joins 50,000 impressions a second with their clicks, both from pipes",
    cores: availableParallelism(),
    impressions: report.examples,
    impressions_per_second: Math.round(report.examples / report.seconds),
    table_bytes: report.bytes_total,
    peak_resident_bytes: Math.max(...seen),
    // A sample tells also of how long ago garbage was collected.
    resident_mib_by_tenths: tenths,
    growth_in_second_half: round(tenths[9] / tenths[5] - 1),
  };
}

function residentBytes(pid: number): number {
  try {
    return 1024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
