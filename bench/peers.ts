import { execFileSync } from "node:child_process";
import { availableParallelism } from "node:os";
import type { Report } from "../src/train/job.js";
import { globo } from "./lib/globo.js";
import { median, peersPython, round, trainOnce } from "./lib/run.js";

interface Peer {
  readonly examples: number;
  readonly examples_per_second: number;
  readonly auc: number;
  readonly auc_second_half: number;
  readonly logloss: number;
}

/** The same Globo events, one pass, test-then-train: Hashbrook, PyTorch's Deep Crossing and Vowpal Wabbit's linear model, in turn. */
export async function run({ smoke }: { smoke: boolean }): Promise<object> {
  const data = globo(smoke ? 1_000 : 400_000);
  const python = smoke ? null : peersPython();
  if (!data || !python)
    return {
      skipped: smoke ? "needs the Python environment; not in smoke runs" : "no Globo data, or no Python environment",
    };
  const rounds = Array.from({ length: 3 }, () => ({
    ours: trainOnce("features/globo-deep-crossing.yaml", data),
    torch: pytorch(python, data, availableParallelism()),
  }));
  const one = pytorch(python, data, 1);
  const oneOfOurs = trainOnce("features/globo-deep-crossing.yaml", data, "--threads", "1");
  const lr = trainOnce("features/globo-lr.yaml", data);
  const vw = vowpalWabbit(python, data);
  const rate = median(rounds.map(({ ours }) => ours.examples / ours.seconds));
  const torchRate = median(rounds.map(({ torch }) => torch.examples_per_second));
  return {
    what: "Globo, 400,000 clicks (2 M events): raw text to learned model against PyTorch's training loop alone, and Vowpal Wabbit from text",
    deep_crossing: rounds.map(({ ours }) => figures(ours)),
    pytorch: rounds.map(({ torch }) => torch),
    ratio_to_pytorch: round(rate / torchRate, 2),
    one_thread: {
      deep_crossing: figures(oneOfOurs),
      pytorch: one,
      ratio: round(oneOfOurs.examples / oneOfOurs.seconds / one.examples_per_second, 2),
    },
    lr: figures(lr),
    vw,
    ratio_to_vw: round(lr.examples / lr.seconds / vw.examples_per_second, 2),
  };
}

function pytorch(python: string, data: string, threads: number): Peer {
  const args = ["bench/peers/deep_crossing.py", data, "--config", "globo-crosses", "--threads", String(threads)];
  return lastLine(
    execFileSync(python, args, { encoding: "utf8", env: { ...process.env, OMP_NUM_THREADS: String(threads) } }),
  );
}

function vowpalWabbit(python: string, data: string): Peer {
  const text = `${data}.vw`;
  execFileSync(process.execPath, ["bench/peers/to-vw.mjs", "--preset", "globo", "--in", data, "--out", text]);
  return lastLine(execFileSync(python, ["bench/peers/vw.py", "--data", text], { encoding: "utf8" }));
}

function lastLine(output: string): Peer {
  const peer = JSON.parse(output.trim().split("\n").at(-1)!) as Peer;
  if (!(peer.auc > 0.6 && peer.auc < 1)) throw new Error(`the peer did not learn: ${output}`);
  return peer;
}

function figures(report: Report & { wall_seconds: number }): object {
  return {
    examples_per_second: Math.round(report.examples / report.seconds),
    wall_seconds: round(report.wall_seconds, 2),
    auc: round(report.auc),
    auc_second_half: round(report.second_half.auc),
    logloss: round(report.logloss),
  };
}
