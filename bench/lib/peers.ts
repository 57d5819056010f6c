import { execFileSync } from "node:child_process";
import { closeSync, openSync, readSync } from "node:fs";
import type { Report } from "../../src/train/metrics/report.js";
import { madeOnce } from "./made-once.js";
import type { Measured } from "./measured.js";
import { round, trainOnce } from "./run.js";

/** Runs of one program: the minimum of each measure, since other processes can only add to it. */
export interface Result {
  readonly wall_seconds: number;
  readonly processor_seconds: number;
  readonly rows_per_second: number;
  readonly rows_per_processor_second: number;
  readonly runs: readonly Measured[];
}

/** Speed relative to a peer. */
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

/** Loads a file into the system's cache, so that all sides read memory, not the disk. */
export function readThrough(file: string): void {
  const block = Buffer.alloc(1 << 22);
  const open = openSync(file, "r");
  while (readSync(open, block) > 0);
  closeSync(open);
}

/** One run of a spec over a file in the system's cache: its resources, and its report. */
export function trainedFrom(model: string, data: string, ...more: string[]): { times: Measured; report: Report } {
  readThrough(data);
  const report = trainOnce(model, data, ...more);
  const { wall_seconds, processor_seconds } = report;
  return { times: { wall_seconds, processor_seconds }, report };
}

/** Output of bench/peers/fw.py. */
export interface FwumiousWabbit {
  readonly text: readonly Measured[];
  readonly cache?: readonly Measured[];
  readonly logloss?: number;
  readonly auc?: number;
}

/** Fwumious Wabbit over a text in the system's cache. @param args its own arguments */
export function fwumiousWabbit(binary: string, text: string, args: string, ...options: string[]): FwumiousWabbit {
  readThrough(text);
  const words = ["--binary", binary, "--data", text, `--args=${args}`, ...options];
  const out = execFileSync("python3", ["bench/peers/fw.py", ...words], { encoding: "utf8" });
  return JSON.parse(out.trim().split("\n").at(-1)!) as FwumiousWabbit;
}

/** The same events as Vowpal Wabbit text, with names of one letter, written once. @param preset of to-vw.mjs */
export function peersText(data: string, preset: string): string {
  return madeOnce(data.replace(/\.tsv$/, "-short.vw"), (part) => {
    const options = ["--preset", preset, "--names", "short", "--in", data, "--out", part];
    execFileSync(process.execPath, ["bench/peers/to-vw.mjs", ...options]);
  });
}
