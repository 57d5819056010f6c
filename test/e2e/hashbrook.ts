import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Report } from "../../src/train/job.js";

const MAIN = "dist/cli/main.js";

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built command line to its end. */
export function run(args: readonly string[], input?: string): Outcome {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    encoding: "utf8",
    input,
    maxBuffer: 1 << 28,
    // One that hangs fails its test, and not the whole run; no test's time ends while this call blocks.
    timeout: 600_000,
  });
  return { status, stdout, stderr };
}

/** Runs a command with --json and returns its report; throws with its standard error when it fails. */
export function report(args: readonly string[], input?: string): Report {
  const { status, stdout, stderr } = run([...args, "--json"], input);
  if (status !== 0) throw new Error(`hashbrook ${args.join(" ")}: exit ${status}: ${stderr}`);
  return JSON.parse(stdout.trim().split("\n").at(-1)!) as Report;
}

/**
 * Starts a command that goes on.
 * @param killAt where it is to die: "n before" or "n after" its n-th write to the run's directory (kill-at.mjs)
 */
export function start(args: readonly string[], killAt?: string): ChildProcess {
  const dying = killAt === undefined ? [] : ["--import", "./test/e2e/kill-at.mjs"];
  return spawn(process.execPath, [...dying, MAIN, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, HASHBROOK_KILL_AT: killAt ?? "" },
  });
}

export async function ended(child: ChildProcess): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const text = { stdout: "", stderr: "" };
  child.stdout?.on("data", (data) => (text.stdout += data));
  child.stderr?.on("data", (data) => (text.stderr += data));
  const status = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { status, ...text };
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
