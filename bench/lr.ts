import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { criteoLike } from "./lib/criteo-like.js";
import { median, peersPython, round, trainOnce } from "./lib/run.js";

/** lr with FTRL, from a text file of 39-field rows to a checkpoint; Vowpal Wabbit's `--ftrl` on the same rows in the same run. */
export async function run({ smoke }: { smoke: boolean }): Promise<object> {
  const rows = smoke ? 20_000 : 8_000_000;
  const data = criteoLike(rows);
  const runs = Array.from({ length: smoke ? 1 : 3 }, () => trainOnce("features/criteo-lr.yaml", data));
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
    ...vowpalWabbit(data, smoke, rate, first.logloss!),
  };
}

function vowpalWabbit(data: string, smoke: boolean, rate: number, logloss: number): object {
  const python = smoke ? null : peersPython();
  if (!python) return { vw: "skipped: bench/peers is not set up" };
  const text = `${data}.vw`;
  execFileSync(process.execPath, ["bench/peers/to-vw.mjs", "--preset", "criteo", "--in", data, "--out", text]);
  const out = execFileSync(
    python,
    ["bench/peers/vw.py", "--no-auc", "--data", text, "--args", "-b 22 --ftrl --ftrl_alpha 0.1 --ftrl_beta 1"],
    { encoding: "utf8" },
  );
  const vw = JSON.parse(out.trim().split("\n").at(-1)!) as { examples_per_second: number; logloss: number };
  return { vw, ratio_to_vw: round(rate / vw.examples_per_second, 2), logloss_minus_vw: round(logloss - vw.logloss, 5) };
}
