import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Report } from "../../src/train/metrics/report.js";
import { type Measured, measured } from "./measured.js";

/** The folder of real data next to the repository. */
export const DATA = resolve("../shared/data");

/** Runs the built command line and returns its --json report. */
export function hashbrook(...args: string[]): Report & Measured {
  const { stdout, ...times } = measured(process.execPath, "dist/cli/main.js", ...args, "--json");
  const last = stdout.trim().split("\n").at(-1) ?? "";
  return { ...(JSON.parse(last) as Report), ...times };
}

/** Trains into a directory that is removed afterwards. */
export function trainOnce(model: string, data: string, ...args: string[]): ReturnType<typeof hashbrook> {
  const out = mkdtempSync(join(tmpdir(), "hashbrook-run-"));
  try {
    return hashbrook(
      "train",
      "--model",
      model,
      "--data",
      data,
      "--out",
      out,
      "--resume",
      "--checkpoint-seconds",
      "0",
      ...args,
    );
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

/** The median. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

export function round(value: number | null, digits = 4): number | null {
  return value === null ? null : Number(value.toFixed(digits));
}

/** Folder of the Python environment of bench/peers, if it has been set up. */
export function peersPython(): string | null {
  const folder =
    process.env.HASHBROOK_PEERS ??
    join(process.env.XDG_CACHE_HOME ?? join(process.env.HOME ?? "", ".cache"), "hashbrook", "peers");
  const python = join(folder, "bin", "python");
  if (!existsSync(python)) spawnSync("bash", ["bench/peers/setup.sh"], { stdio: ["ignore", "inherit", "inherit"] });
  return existsSync(python) ? python : null;
}
