import { rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CacheReport } from "../src/event-cache/cache-events.js";
import type { Report } from "../src/train/metrics/report.js";
import { criteoLike } from "./lib/criteo-like.js";
import { type Measured, measured } from "./lib/measured.js";
import { fwumiousWabbit, peersText, type Result, ratio, readThrough, result, trainedFrom } from "./lib/peers.js";
import { peersPython, round, trainOnce } from "./lib/run.js";

const BITS = "-b 23";
const MODEL = "features/criteo-lr.yaml";
/** Options of Fwumious Wabbit. */
const PEER = `${BITS} -l 0.05`;
const RUNS = 4;
/** Events of the run that measures Fwumious Wabbit's log loss. */
const CHECK = 500_000;

/**
 * lr with FTRL, from a text file of 39-field rows to a checkpoint; in the same run Vowpal Wabbit and, if FW=PATH names its
 * program, Fwumious Wabbit. Whole processes including their start; peers read the shortest text they accept, and save their model.
 */
export async function run({ smoke }: { smoke: boolean }): Promise<object> {
  const sizes = (smoke ? [20_000] : [2_000_000, 8_000_000]).map((rows) => size(rows, smoke));
  const what = "lr + FTRL, 2^23 weights, text file to checkpoint, whole processes: the least of the runs";
  return { what, sizes, ...(smoke ? {} : { processor_us_per_further_row: further(sizes) }) };
}

type Sizes = ReturnType<typeof size>[];

/** The cost of a row, without the start and the end of a process. */
function further([less, more]: Sizes): object {
  const of = (a: Result | string, b: Result | string) =>
    typeof a === "string" || typeof b === "string"
      ? null
      : round((1e6 * (b.processor_seconds - a.processor_seconds)) / (more.rows - less.rows), 3);
  const { hashbrook, hashbrook_cache, fw, fw_cache } = more;
  return {
    hashbrook: of(less.hashbrook, hashbrook),
    hashbrook_cache: of(less.hashbrook_cache, hashbrook_cache),
    fw: of(less.fw, fw),
    fw_cache: of(less.fw_cache, fw_cache),
  };
}

function size(rows: number, smoke: boolean) {
  const data = criteoLike(rows);
  const text = smoke ? null : peersText(data, "criteo");
  const ours: Measured[] = [];
  const vw: Measured[] = [];
  const cached: Measured[] = [];
  const cache = cacheOf(data);
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
    readThrough(join(cache.directory, "events"));
    const { wall_seconds, processor_seconds, ...fromCache } = trainOnce(MODEL, cache.data);
    if (fromCache.logloss !== now.logloss || fromCache.auc !== now.auc)
      throw new Error("training from the cache leads to a different result");
    cached.push({ wall_seconds, processor_seconds });
    if (binary && text) {
      const more = fwumiousWabbit(binary, text, PEER, "--cache");
      fw.text.push(...more.text);
      fw.cache.push(...more.cache!);
    }
    // One of its runs takes as long as three of the others.
    if (python && text && i < RUNS / 2) {
      const { logloss, ...times } = vowpalWabbit(python, text);
      loss = logloss;
      vw.push(times);
    }
  }
  const hashbrookResult = result(rows, ours);
  const cacheResult = result(rows, cached);
  const peers = {
    vw: vw.length > 0 ? { ...result(rows, vw), logloss: round(loss!, 5) } : "skipped: bench/peers is not set up",
    fw: fw.text.length > 0 ? result(rows, fw.text) : "skipped: FW=PATH did not name a built program",
    fw_cache: fw.cache.length > 0 ? result(rows, fw.cache) : "skipped",
  };
  return {
    rows,
    bytes_per_row: { hashbrook: bytes(data, rows), ...(text ? { peers: bytes(text, rows) } : {}) },
    hashbrook: { ...hashbrookResult, logloss: round(report!.logloss, 5), auc: round(report!.auc, 5) },
    hashbrook_cache: {
      ...cacheResult,
      bytes_of_text: round(cache.ratio, 3),
      made_in: { wall_seconds: cache.wall_seconds, processor_seconds: cache.processor_seconds },
      ratio: ratio(cacheResult, hashbrookResult),
    },
    ...peers,
    ...(binary && text ? { first_events: firstEvents(data, text, binary) } : {}),
    ratio: Object.fromEntries(
      Object.entries(peers).flatMap(([name, peer]) =>
        typeof peer === "string" ? [] : [[name, ratio(name === "fw_cache" ? cacheResult : hashbrookResult, peer)]],
      ),
    ),
  };
}

/** The events of a file, decoded once. */
function cacheOf(data: string): CacheReport & Measured {
  const out = data.replace(/\.tsv$/, "-cache");
  rmSync(out, { recursive: true, force: true });
  const args = ["cache", "--model", MODEL, "--data", data, "--out", out, "--json"];
  const { stdout, ...times } = measured(process.execPath, "dist/cli/main.js", ...args);
  return { ...(JSON.parse(stdout.trim().split("\n").at(-1)!) as CacheReport), ...times };
}

function vowpalWabbit(python: string, text: string): Measured & { logloss: number } {
  readThrough(text);
  const hyper = "--ftrl --ftrl_alpha 0.06 --ftrl_beta 1 --l2 1 --hash all";
  const model = join(tmpdir(), "hashbrook-bench", "vw.model");
  const options = ["--no-auc", "--data", text, "--args", `${BITS} ${hyper} -f ${model}`];
  const { stdout, ...times } = measured(python, "bench/peers/vw.py", ...options);
  return { ...times, logloss: (JSON.parse(stdout.trim().split("\n").at(-1)!) as { logloss: number }).logloss };
}

/** The log loss of both over the first events: Fwumious Wabbit reports it only through its predictions. */
function firstEvents(data: string, text: string, binary: string): object {
  const { report } = trainedFrom(MODEL, data, "--limit", String(CHECK));
  const { logloss } = fwumiousWabbit(binary, text, PEER, "--check", String(CHECK));
  return { events: CHECK, hashbrook: round(report.logloss, 5), fw: round(logloss!, 5) };
}

function bytes(file: string, rows: number): number {
  return Math.round(statSync(file).size / rows);
}
