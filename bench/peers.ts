import { execFileSync } from "node:child_process";
import { availableParallelism } from "node:os";
import type { Report } from "../src/train/metrics/report.js";
import { globo } from "./lib/globo.js";
import { type Measured, measured } from "./lib/measured.js";
import { median, peersPython, round, trainOnce } from "./lib/run.js";

interface Peer extends Measured {
  readonly examples: number;
  readonly examples_per_second: number;
  readonly auc: number;
  readonly auc_second_half: number;
  readonly logloss: number;
}

/** The same Globo events, one pass, test-then-train: Hashbrook, PyTorch's Deep Crossing and Vowpal Wabbit's linear model, alternating. */
export async function run({ smoke }: { smoke: boolean }): Promise<object> {
  const data = globo(smoke ? 1_000 : 400_000);
  const python = smoke ? null : peersPython();
  if (!data || !python)
    return {
      skipped: smoke ? "needs the Python environment; not in smoke runs" : "no Globo data, or no Python environment",
    };
  const threads = [...new Set([availableParallelism(), 1])];
  const deep = threads.map((count) => compare(python, data, count));
  const lr = trainOnce("features/globo-lr.yaml", data);
  const vw = vowpalWabbit(python, data);
  return {
    what: "Globo, 400,000 clicks (2 M events), raw text to learned model; examples_per_second and ratio_to_loop count only PyTorch's training loop, over ids already in memory, and everything but the start of Hashbrook; wall_seconds and processor_seconds are of whole processes",
    deep_crossing: deep,
    lr: figures(lr),
    vw,
    ratio_to_vw: round(lr.examples / lr.seconds / vw.examples_per_second, 2),
  };
}

/** Deep Crossing with this many threads, in Hashbrook and in PyTorch, three times alternating. */
function compare(python: string, data: string, threads: number): object {
  const rounds = Array.from({ length: 3 }, () => ({
    ours: trainOnce("features/globo-deep-crossing.yaml", data, "--threads", String(threads)),
    torch: pytorch(python, data, threads),
  }));
  const of = (measure: (round: (typeof rounds)[number]) => number) => round(median(rounds.map(measure)), 2);
  return {
    threads,
    hashbrook: rounds.map(({ ours }) => figures(ours)),
    pytorch: rounds.map(({ torch }) => torch),
    ratio_to_loop: of(({ ours, torch }) => ours.examples / ours.seconds / torch.examples_per_second),
    ratio_of_wall_seconds: of(({ ours, torch }) => torch.wall_seconds / ours.wall_seconds),
    ratio_of_processor_seconds: of(({ ours, torch }) => torch.processor_seconds / ours.processor_seconds),
  };
}

function pytorch(python: string, data: string, threads: number): Peer {
  const args = ["bench/peers/deep_crossing.py", data, "--config", "globo-crosses", "--threads", String(threads)];
  const { stdout, ...times } = measured(python, ...args);
  return { ...lastLine(stdout), ...times };
}

function vowpalWabbit(python: string, data: string): Omit<Peer, keyof Measured> {
  const text = `${data}.vw`;
  execFileSync(process.execPath, ["bench/peers/to-vw.mjs", "--preset", "globo", "--in", data, "--out", text]);
  return lastLine(execFileSync(python, ["bench/peers/vw.py", "--data", text], { encoding: "utf8" }));
}

function lastLine(output: string): Omit<Peer, keyof Measured> {
  const peer = JSON.parse(output.trim().split("\n").at(-1)!) as Peer;
  if (!(peer.auc > 0.6 && peer.auc < 1)) throw new Error(`the peer did not learn: ${output}`);
  return peer;
}

function figures(report: Report & Measured): object {
  return {
    examples_per_second: Math.round(report.examples / report.seconds),
    wall_seconds: report.wall_seconds,
    processor_seconds: report.processor_seconds,
    auc: round(report.auc),
    auc_second_half: round(report.second_half.auc),
    logloss: round(report.logloss),
  };
}
