import { spawnSync } from "node:child_process";
import { closeSync, openSync, readSync } from "node:fs";
import { round } from "./run.js";

/** What a whole process took, from its start to its exit. */
export interface Measured {
  readonly wall_seconds: number;
  /** User and system time of the process and all it started. */
  readonly processor_seconds: number;
}

/** Runs a command to its end. @throws Error with the end of its standard error when it fails */
export function measured(command: string, ...args: string[]): Measured & { readonly stdout: string } {
  // Node does not tell what a child used; the shell does.
  const script = 'TIMEFORMAT="%3R %3U %3S"; time "$@" 2>&3';
  const child = spawnSync("bash", ["-c", script, "bash", command, ...args], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  if (child.status !== 0) throw new Error(`${command} ${args.join(" ")}: exit ${child.status}\n${child.output[3]}`);
  const [wall, user, system] = child.stderr.trim().split("\n").at(-1)!.split(" ").map(Number);
  return { wall_seconds: wall, processor_seconds: Number((user + system).toFixed(3)), stdout: child.stdout };
}

/** Runs of one program: the least of each measure, as whatever else runs can only add to it. */
export interface Result {
  readonly wall_seconds: number;
  readonly processor_seconds: number;
  readonly rows_per_second: number;
  readonly rows_per_processor_second: number;
  readonly runs: readonly Measured[];
}

/** How many times as fast as a peer. */
export function ratio(ours: Result, peer: Result): object {
  return {
    processor: round(peer.processor_seconds / ours.processor_seconds, 2),
    wall: round(peer.wall_seconds / ours.wall_seconds, 2),
  };
}

export function result(rows: number, runs: readonly Measured[]): Result {
  const wall = Math.min(...runs.map((run) => run.wall_seconds));
  const processor = Math.min(...runs.map((run) => run.processor_seconds));
  return {
    wall_seconds: wall,
    processor_seconds: processor,
    rows_per_second: Math.round(rows / wall),
    rows_per_processor_second: Math.round(rows / processor),
    runs,
  };
}

/** Brings a file into the system's cache, so that all sides read memory and not the disk. */
export function readThrough(file: string): void {
  const block = Buffer.alloc(1 << 22);
  const open = openSync(file, "r");
  while (readSync(open, block) > 0);
  closeSync(open);
}
