import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { criteoLike } from "./lib/criteo-like.js";
import { median, peersPython, round, trainOnce } from "./lib/run.js";

const HYPER = "--ftrl_alpha 0.06 --ftrl_beta 1 --l2 1";

/** lr with FTRL, from a text file of 39-field rows to a checkpoint; Vowpal Wabbit's `--ftrl` on the same rows in the same run. */
export async function run({ smoke }: { smoke: boolean }): Promise<object> {
  const rows = smoke ? 20_000 : 8_000_000;
  const data = criteoLike(rows);
  const python = smoke ? null : peersPython();
  const text = `${data}.vw`;
  if (python)
    execFileSync(process.execPath, ["bench/peers/to-vw.mjs", "--preset", "criteo", "--in", data, "--out", text]);
  const runs: ReturnType<typeof trainOnce>[] = [];
  const peers: VowpalWabbit[] = [];
  for (let i = 0; i < (smoke ? 1 : 3); i++) {
    readThrough(data);
    runs.push(trainOnce("features/criteo-lr.yaml", data));
    if (python) peers.push(vowpalWabbit(python, text));
  }
  const first = runs[0];
  if (runs.some((run) => run.logloss !== first.logloss)) throw new Error("runs differ");
  if (first.examples !== rows || first.rejected > 0) throw new Error(`learned ${first.examples} of ${rows} rows`);
  const rate = median(runs.map((run) => run.examples / run.seconds));
  return {
    what: "lr + FTRL, file to checkpoint, all cores",
    rows,
    bytes: statSync(data).size,
    rows_per_second: Math.round(rate),
    all_rows_per_second: runs.map((run) => Math.round(run.examples / run.seconds)),
    wall_seconds: runs.map((run) => round(run.wall_seconds, 2)),
    logloss: round(first.logloss, 5),
    auc: round(first.auc, 5),
    ...comparison(peers, rate, first.logloss!),
  };
}

interface VowpalWabbit {
  readonly examples_per_second: number;
  readonly logloss: number;
}

function vowpalWabbit(python: string, text: string): VowpalWabbit {
  readThrough(text);
  const options = ["--no-auc", "--data", text, "--args", `-b 22 --ftrl ${HYPER}`];
  const out = execFileSync(python, ["bench/peers/vw.py", ...options], { encoding: "utf8" });
  return JSON.parse(out.trim().split("\n").at(-1)!) as VowpalWabbit;
}

function comparison(peers: readonly VowpalWabbit[], rate: number, logloss: number): object {
  if (peers.length === 0) return { vw: "skipped: bench/peers is not set up" };
  const peer = median(peers.map((vw) => vw.examples_per_second));
  return { vw: peers, ratio_to_vw: round(rate / peer, 2), logloss_minus_vw: round(logloss - peers[0].logloss, 5) };
}

/** Brings a file into the system's cache, so that both sides read memory and not the disk. */
function readThrough(file: string): void {
  execFileSync("cat", [file], { stdio: ["ignore", "ignore", "inherit"] });
}
