import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hashbrook } from "../../src/cli/program.js";
import type { Rng } from "../../src/core/rng.js";
import { simulate } from "../../src/sources/simulator/run.js";
import type { Report } from "../../src/train/metrics/report.js";

const MAIN = "dist/cli/main.js";

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a command line to its end in this process, because starting a process takes longer than most commands. A command that reads
 * standard input, or writes bytes to standard output, gets a separate process.
 */
export async function run(args: readonly string[], input?: string): Promise<Outcome> {
  const line = oneThread(args);
  const piped = args.includes("-") || (args[0] === "simulate" && !args.includes("--out"));
  return input !== undefined || piped ? runBuilt(line, input) : runInProcess(line);
}

/**
 * A tower's trainer measures how many threads pay off, which takes longer than most test runs; so tests use one thread unless they are
 * about threads. The model is the same.
 */
function oneThread(args: readonly string[]): readonly string[] {
  return args[0] === "train" && !args.includes("--threads") ? [...args, "--threads", "1"] : args;
}

/** Runs the built command line in a separate process, to its end. */
export function runBuilt(args: readonly string[], input?: string): Outcome {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    encoding: "utf8",
    input,
    maxBuffer: 1 << 28,
    // A hanging process fails its test, not the whole run: test timeouts do not fire while this call blocks.
    timeout: 600_000,
  });
  return { status, stdout, stderr };
}

/** Only one command at a time may print. */
let printing: Promise<unknown> = Promise.resolve();

function runInProcess(args: readonly string[]): Promise<Outcome> {
  const outcome = printing.then(async () => {
    const [stdout, stderr] = [captured(process.stdout), captured(process.stderr)];
    try {
      const status = (await hashbrook(args)) || Number(process.exitCode ?? 0);
      return { status, stdout: stdout.text(), stderr: stderr.text() };
    } finally {
      process.exitCode = undefined;
      stdout.end();
      stderr.end();
    }
  });
  printing = outcome.catch(() => {});
  return outcome;
}

/** Captures the output to a stream. */
function captured(stream: NodeJS.WriteStream) {
  const { write } = stream;
  let text = "";
  stream.write = (data: string | Uint8Array, ...more: unknown[]) => {
    text += typeof data === "string" ? data : Buffer.from(data).toString();
    const done = more.at(-1);
    if (typeof done === "function") done();
    return true;
  };
  const end = () => {
    stream.write = write;
  };
  return { text: () => text, end };
}

/** Runs a command with --json and returns its report; throws with its standard error when it fails. */
export async function report(args: readonly string[], input?: string): Promise<Report> {
  const { status, stdout, stderr } = await run([...args, "--json"], input);
  if (status !== 0) throw new Error(`hashbrook ${args.join(" ")}: exit ${status}: ${stderr}`);
  return JSON.parse(stdout.trim().split("\n").at(-1)!) as Report;
}

/** The output of `simulate`. */
export async function simulated(rows: number, seed: number, format: "tsv" | "json" = "tsv"): Promise<string> {
  const chunks: Uint8Array[] = [];
  await simulate({ rows, seed, format, write: (bytes) => void chunks.push(bytes.slice()) });
  return Buffer.concat(chunks).toString();
}

/** Its lines. */
export async function simulatedLines(rows: number, seed: number, format: "tsv" | "json" = "tsv"): Promise<string[]> {
  return (await simulated(rows, seed, format)).split("\n").slice(0, rows);
}

/**
 * Starts a command and returns while it runs.
 * @param killAt when to kill it: "n before" or "n after" its n-th write to the run's directory (kill-at.mjs)
 */
export function start(args: readonly string[], killAt?: string): ChildProcess {
  const dying = killAt === undefined ? [] : ["--import", "./test/e2e/kill-at.mjs"];
  return spawn(process.execPath, [...dying, MAIN, ...oneThread(args)], {
    stdio: ["ignore", "pipe", "pipe"],
    // `_` says so if the tests run under nohup; the command does not.
    env: { ...process.env, _: "", HASHBROOK_KILL_AT: killAt ?? "" },
  });
}

/** Number of kills of a trainer in ordinary runs, and in `npm run test:soak`. */
export const kills = (perChange: number, inSoak: number): number => (process.env.HASHBROOK_SEED ? inSoak : perChange);

export async function ended(child: ChildProcess): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const text = { stdout: "", stderr: "" };
  child.stdout?.on("data", (data) => (text.stdout += data));
  child.stderr?.on("data", (data) => (text.stderr += data));
  const status = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { status, ...text };
}

/**
 * Restarts a trainer with --resume until it ends by itself, after `kills` kills, each at a different write: at a fixed time, a slow
 * machine would not have learned anything, and a fast one would have finished. Returns the number of kills.
 */
export async function endedAfterKills(args: readonly string[], kills: number, rng: Rng): Promise<number> {
  for (let died = 0; ; died++) {
    const at = died < kills ? `${1 + rng.below(12)} ${rng.below(2) === 0 ? "before" : "after"}` : undefined;
    // The last one is not killed: it takes a quarter of the time in this process.
    const { status, stderr } = at === undefined ? await run(args) : await ended(start(args, at));
    if (status === 0) return died;
    if (status !== null) throw new Error(`exit ${status}: ${stderr}`);
  }
}

export const temporary = () => mkdtempSync(join(tmpdir(), "hashbrook-test-"));

/** SHA-256 of every file of a run's newest checkpoint and of its rejected rows, by name. */
export function digests(out: string): Record<string, string> {
  const newest = readdirSync(out)
    .filter((name) => name.startsWith("checkpoint-"))
    .sort()
    .at(-1)!;
  const files = readdirSync(join(out, newest)).map((name) => join(newest, name));
  return Object.fromEntries(
    [...files, "rejected/rejected.jsonl"]
      .filter((name) => statSync(join(out, name)).isFile())
      .map((name) => [
        name,
        createHash("sha256")
          .update(readFileSync(join(out, name)))
          .digest("hex"),
      ]),
  );
}
