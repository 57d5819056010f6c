import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { criteoLike } from "./lib/criteo-like.js";
import { madeOnce } from "./lib/made-once.js";

/** A 4 GB file read to its end: resident memory must stay flat, at tables + at most 600 MB. */
export async function run({ smoke }: { smoke: boolean }): Promise<object> {
  const bytes = smoke ? 20e6 : 4e9;
  const data = bigFile(bytes);
  const out = mkdtempSync(join(tmpdir(), "hashbrook-run-"));
  const child = spawn(
    process.execPath,
    ["dist/cli/main.js", "train", "--model", "features/criteo-lr.yaml", "--data", data, "--out", out, "--json"],
    { stdio: ["ignore", "pipe", "ignore"] },
  );
  const samples: number[] = [];
  const timer = setInterval(() => samples.push(residentBytes(child.pid!)), 250);
  let stdout = "";
  child.stdout.on("data", (text) => (stdout += text));
  const status = await new Promise((resolve) => child.on("close", resolve));
  clearInterval(timer);
  rmSync(out, { recursive: true, force: true });
  if (status !== 0) throw new Error(`train: exit ${status}`);
  const report = JSON.parse(stdout.trim().split("\n").at(-1)!);
  const seen = samples.filter((sample) => sample > 0);
  const peak = Math.max(...seen);
  const half = seen.slice(Math.floor(seen.length / 2));
  return {
    what: "memory while training lr from a 4 GB file",
    file_bytes: statSync(data).size,
    examples: report.examples,
    seconds: report.seconds,
    table_bytes: report.bytes_total,
    peak_resident_bytes: peak,
    beside_tables_bytes: peak - report.bytes_total,
    growth_in_second_half_bytes: Math.max(...half) - half[0],
  };
}

function bigFile(bytes: number): string {
  const block = readFileSync(criteoLike(20_000));
  const path = join(tmpdir(), "hashbrook-bench", `criteo-like-${bytes}.tsv`);
  return madeOnce(path, (part) => {
    const file = openSync(part, "w");
    for (let written = 0; written < bytes; written += block.length) writeSync(file, block);
    closeSync(file);
  });
}

function residentBytes(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
