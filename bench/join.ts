import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { simulate } from "../src/sources/simulator/run.js";
import { ClickIndex } from "../src/train/join/click-index.js";
import { hashbrook, median, round } from "./lib/run.js";

/** One in this many of the simulator's clicks is kept: 2.2 % of the impressions have one. */
const SPARSE = 7;

/** Impressions joined with their clicks, and learned at once, compared with the same labelled events: the bound. */
export async function run({ smoke }: { smoke: boolean }): Promise<object> {
  const folder = mkdtempSync(join(tmpdir(), "hashbrook-join-"));
  try {
    const cases: object[] = [];
    for (const [name, rows] of smoke ? ([["lr", 3000]] as const) : CASES)
      cases.push(await measure(name, rows, folder, smoke ? 1 : 5));
    return {
      what: "events per second of impressions joined with clicks in a separate file ÷ of the same labelled events; wait: labelled when the window has passed; correct: learned at once, three ages, fnw",
      cores: availableParallelism(),
      cases,
      index: { ...indexBytes(smoke ? 20_000 : 2_000_000), ...hotKey(smoke ? 2000 : 100_000) },
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const CASES = [
  ["lr", 1_000_000],
  ["deep_crossing", 150_000],
] as const;

interface Files {
  readonly shown: string;
  readonly clicks: string;
  readonly labelled: string;
}

async function measure(name: "lr" | "deep_crossing", rows: number, folder: string, rounds: number): Promise<object> {
  const files = await simulated(rows, folder);
  const specs = specsOf(name, folder);
  const ways = {
    labelled: ["--model", specs.labelled, "--data", files.labelled],
    wait: ["--model", specs.wait, "--data", files.shown, "--clicks", files.clicks],
    correct: ["--model", specs.correct, "--data", files.shown, "--clicks", files.clicks],
  };
  const rates = { labelled: [] as number[], wait: [] as number[], correct: [] as number[] };
  let ctr = 0;
  for (let round = 0; round < rounds; round++) {
    const logloss = { labelled: 0, wait: 0, correct: 0 };
    for (const way of Object.keys(ways) as (keyof typeof ways)[]) {
      const out = join(folder, "run");
      const report = hashbrook("train", ...ways[way], "--out", out, "--checkpoint-seconds", "0");
      rmSync(out, { recursive: true });
      rates[way].push(rows / report.seconds);
      logloss[way] = report.logloss!;
      if (way === "wait") ctr = report.join!.joined / rows;
    }
    if (logloss.labelled !== logloss.wait) throw new Error("joined and labelled events lead to different models");
  }
  const rate = (way: keyof typeof rates) => Math.round(median(rates[way]));
  const ratio = (way: "wait" | "correct") => round(median(rates[way].map((one, i) => one / rates.labelled[i])), 3);
  return {
    model: name,
    impressions: rows,
    ctr: round(ctr),
    impressions_per_second: { labelled: rate("labelled"), wait: rate("wait"), correct: rate("correct") },
    wait_ratio: ratio("wait"),
    correct_ratio: ratio("correct"),
  };
}

/** The simulator's stream with most of its clicks removed. */
async function simulated(rows: number, folder: string): Promise<Files> {
  const chunks = { shown: [] as Buffer[], clicks: [] as Buffer[], labelled: [] as Buffer[] };
  const keep = (name: keyof Files) => (bytes: Uint8Array) => void chunks[name].push(Buffer.from(bytes));
  const split = { impressions: keep("shown"), clicks: keep("clicks"), window: 900_000 };
  await simulate({ rows, seed: 7, format: "tsv", write: keep("labelled"), split });
  const lines = (name: keyof Files) => Buffer.concat(chunks[name]).toString().split("\n").slice(0, -1);
  const told = lines("clicks").filter((_, i) => i % SPARSE === 0);
  const ids = new Set(told.map((line) => line.split("\t", 1)[0]));
  const labelled = lines("labelled").map((line) => {
    const [label, , , id] = line.split("\t", 4);
    return label === "1" && !ids.has(id) ? `0${line.slice(1)}` : line;
  });
  const files = {
    shown: join(folder, "shown.tsv"),
    clicks: join(folder, "clicks.tsv"),
    labelled: join(folder, "l.tsv"),
  };
  writeFileSync(files.shown, Buffer.concat(chunks.shown));
  writeFileSync(files.clicks, `${told.join("\n")}\n`);
  writeFileSync(files.labelled, `${labelled.join("\n")}\n`);
  return files;
}

function specsOf(name: "lr" | "deep_crossing", folder: string): Record<"labelled" | "wait" | "correct", string> {
  const joined = readFileSync("features/ads-demo-join.yaml", "utf8");
  const join_ = joined.slice(joined.indexOf("join:"), joined.indexOf("fields:"));
  const base = readFileSync(name === "lr" ? "features/ads-demo-lr.yaml" : "features/ads-demo-joined.yaml", "utf8");
  const withJoin = base.replace(
    /^label: .*\n/m,
    `label: { field: label, time: ts_ms, id: event_id, oracle: oracle }\n${join_}`,
  );
  const texts = {
    labelled: base,
    wait: withJoin,
    correct: withJoin.replace("  window: 15m", "  correct: { method: fnw, ages: [30s, 5m, 15m] }"),
  };
  return Object.fromEntries(
    Object.entries(texts).map(([way, text]) => {
      const path = join(folder, `${name}-${way}.yaml`);
      writeFileSync(path, text);
      return [way, path];
    }),
  ) as Record<keyof typeof texts, string>;
}

/** Memory of an index as it grows. */
function indexBytes(clicks: number): object {
  const index = new ClickIndex(1);
  let most = 0;
  for (let i = 0; i < clicks; i++) {
    index.add(0, Math.imul(i, 0x9e3779b1), i, i);
    if (i >= 10_000) most = Math.max(most, index.bytes / index.size);
  }
  return { clicks, bytes_a_click: round(index.bytes / index.size, 1), most_while_it_grows: round(most, 1) };
}

/** The cost of a lookup among this many clicks, of one key (a bot) or of as many keys: index positions visited. */
function hotKey(clicks: number): object {
  const stepsOf = (key: (i: number) => number) => {
    const index = new ClickIndex(1);
    for (let i = 0; i < clicks; i++) index.add(0, key(i), 0, i);
    const before = index.steps;
    for (let i = 0; i < clicks; i++)
      if (index.first(key(i), 0, i, i) !== i) throw new Error("a click is not found at its time");
    return round((index.steps - before) / clicks, 1);
  };
  return { clicks_of_a_hot_key: clicks, steps_a_look_up: { hot: stepsOf(() => 1), uniform: stepsOf((i) => i) } };
}
