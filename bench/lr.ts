import { statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Report } from "../src/train/job.js";
import { criteoLike } from "./lib/criteo-like.js";
import { type Measured, measured } from "./lib/measured.js";
import { fwumiousWabbit, peersText, ratio, readThrough, result, trainedFrom } from "./lib/peers.js";
import { peersPython, round } from "./lib/run.js";

const BITS = "-b 23";
const MODEL = "features/criteo-lr.yaml";
/** Of Fwumious Wabbit. */
const PEER = `${BITS} -l 0.05`;
const RUNS = 4;
/** Events of the run that gives Fwumious Wabbit's log loss. */
const CHECK = 500_000;

/**
 * lr with FTRL, from a text file of 39-field rows to a checkpoint; in the same run Vowpal Wabbit and, where FW=PATH names its
 * program, Fwumious Wabbit. Whole processes, their starts included; peers read the shortest text they take, and save their model.
 */
export async function run({ smoke }: { smoke: boolean }): Promise<object> {
  const sizes = smoke ? [20_000] : [2_000_000, 8_000_000];
  return {
    what: "lr + FTRL, 2^23 weights, text file to checkpoint, whole processes: the least of the runs",
    sizes: sizes.map((rows) => size(rows, smoke)),
  };
}

function size(rows: number, smoke: boolean): object {
  const data = criteoLike(rows);
  const text = smoke ? null : peersText(data, "criteo");
  const ours: Measured[] = [];
  const vw: Measured[] = [];
  const fw: Record<"text" | "cache", Measured[]> = { text: [], cache: [] };
  const python = smoke ? null : peersPython();
  const binary = smoke ? undefined : process.env.FW;
  let report: Report | undefined;
  let loss: number | undefined;
  for (let i = 0; i < (smoke ? 1 : RUNS); i++) {
    const { report: now, times } = trainedFrom(MODEL, data);
    if (report && now.logloss !== report.logloss) throw new Error("runs differ");
    if (now.examples !== rows || now.rejected > 0) throw new Error(`learned ${now.examples} of ${rows} rows`);
    report = now;
    ours.push(times);
    if (binary && text) {
      const more = fwumiousWabbit(binary, text, PEER, "--cache");
      fw.text.push(...more.text);
      fw.cache.push(...more.cache!);
    }
    // One run of it takes as long as three of the others.
    if (python && text && i < RUNS / 2) {
      const { logloss, ...times } = vowpalWabbit(python, text);
      loss = logloss;
      vw.push(times);
    }
  }
  const hashbrookResult = result(rows, ours);
  const peers = {
    vw: vw.length > 0 ? { ...result(rows, vw), logloss: round(loss!, 5) } : "skipped: bench/peers is not set up",
    fw: fw.text.length > 0 ? result(rows, fw.text) : "skipped: FW=PATH did not name a built program",
    fw_cache: fw.cache.length > 0 ? result(rows, fw.cache) : "skipped",
  };
  return {
    rows,
    bytes_per_row: { hashbrook: bytes(data, rows), ...(text ? { peers: bytes(text, rows) } : {}) },
    hashbrook: { ...hashbrookResult, logloss: round(report!.logloss, 5), auc: round(report!.auc, 5) },
    ...peers,
    ...(binary && text ? { first_events: firstEvents(data, text, binary) } : {}),
    ratio: Object.fromEntries(
      Object.entries(peers).flatMap(([name, peer]) =>
        typeof peer === "string" ? [] : [[name, ratio(hashbrookResult, peer)]],
      ),
    ),
  };
}

function vowpalWabbit(python: string, text: string): Measured & { logloss: number } {
  readThrough(text);
  const hyper = "--ftrl --ftrl_alpha 0.06 --ftrl_beta 1 --l2 1 --hash all";
  const model = join(tmpdir(), "hashbrook-bench", "vw.model");
  const options = ["--no-auc", "--data", text, "--args", `${BITS} ${hyper} -f ${model}`];
  const { stdout, ...times } = measured(python, "bench/peers/vw.py", ...options);
  return { ...times, logloss: (JSON.parse(stdout.trim().split("\n").at(-1)!) as { logloss: number }).logloss };
}

/** The log loss of both over the first events: Fwumious Wabbit tells its own only by its predictions. */
function firstEvents(data: string, text: string, binary: string): object {
  const { report } = trainedFrom(MODEL, data, "--limit", String(CHECK));
  const { logloss } = fwumiousWabbit(binary, text, PEER, "--check", String(CHECK));
  return { events: CHECK, hashbrook: round(report.logloss, 5), fw: round(logloss!, 5) };
}

function bytes(file: string, rows: number): number {
  return Math.round(statSync(file).size / rows);
}
