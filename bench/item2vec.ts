import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { Rng } from "../src/core/rng.js";
import { learnVectors } from "../src/item2vec/learn.js";
import { SequenceReader } from "../src/item2vec/sequences.js";
import { item2vecDefaults } from "../src/item2vec/settings.js";
import { DATA, hashbrook, round, trainOnce } from "./lib/run.js";

/** Sessions of clicked items, ordered by date. */
const SESSIONS = ["nowplaying", "diginetica"] as const;
const EVENTS = 300_000;
const NEGATIVES = 4;
const HISTORY = 10;

const SPEC = `name: next
events: { format: tsv, columns: [label, item, history] }
fields: [{ name: item, type: categorical, table: items }, { name: history, type: bag, max_length: ${HISTORY}, table: items }]
tables: { items: { dim: 16, salt: table } }
tower: { dcn_v2: { hidden: [64, 32] } }
`;

/** How fast vectors of ids are learned, compared with gensim on two threads; and what a model gains by starting from them. */
export async function run({ smoke }: { smoke: boolean }): Promise<object> {
  const present = SESSIONS.filter((name) => existsSync(fileOf(name)));
  if (present.length === 0) return { skipped: "no sessions-gce data" };
  const started = present.map((name) => [name, worth(name, smoke)] as const);
  return {
    what: "ids per second during training of vectors (window 5, 5 negatives, sample 1e-3, ids with 5 or more occurrences); progressive logloss of the item clicked next among five, with and without a start from vectors of the earlier sessions",
    rates: await rates(fileOf(present[0]), smoke),
    ...Object.fromEntries(started),
  };
}

const fileOf = (name: string) => join(DATA, "sessions-gce", `${name}.seq.gz`);
const linesOf = (name: string) =>
  gunzipSync(readFileSync(fileOf(name)))
    .toString()
    .trimEnd()
    .split("\n");

async function rates(file: string, smoke: boolean): Promise<object> {
  const lines = gunzipSync(readFileSync(file))
    .toString()
    .trimEnd()
    .split("\n")
    .slice(0, smoke ? 1_000 : undefined);
  const data = join(mkdtempSync(join(tmpdir(), "hashbrook-sessions-")), "sessions.txt");
  writeFileSync(data, `${lines.join("\n")}\n`);
  const reader = new SequenceReader();
  for (const line of lines) reader.add(line.split(" "));
  const sequences = reader.take(5);
  const words = 2 * sequences.counts.reduce((sum, count) => sum + count, 0);
  const results: Record<string, object> = {};
  for (const architecture of ["skip-gram", "cbow"] as const) {
    const cbow = architecture === "cbow";
    const [started, used] = [performance.now(), process.cpuUsage()];
    await learnVectors(sequences, {
      ...item2vecDefaults,
      architecture,
      dim: 100,
      epochs: 2,
      rate: cbow ? 0.05 : 0.025,
    });
    const { user, system } = process.cpuUsage(used);
    const [wall, processor] = [(performance.now() - started) / 1000, (user + system) / 1e6];
    const gensim = smoke ? null : peer(data, cbow);
    results[architecture] = {
      words_per_second: Math.round(words / wall),
      words_per_processor_second: Math.round(words / processor),
      gensim_on_two_threads: gensim ?? "skipped: GENSIM_PYTHON names no interpreter that can import gensim",
      ...(gensim && {
        times_gensim_by_processor: round(words / processor / gensim.words_per_processor_second, 2),
        times_gensim_by_wall: round(words / wall / gensim.words_per_second, 2),
      }),
    };
  }
  return { words, ids: sequences.ids.length, dim: 100, ...results };
}

function peer(data: string, cbow: boolean): { words_per_second: number; words_per_processor_second: number } | null {
  const { GENSIM_PYTHON } = process.env;
  if (!GENSIM_PYTHON) return null;
  const args = ["bench/peers/gensim_word2vec.py", "--data", data, ...(cbow ? ["--cbow"] : [])];
  const env = { ...process.env, OPENBLAS_NUM_THREADS: "1" };
  return JSON.parse(execFileSync(GENSIM_PYTHON, args, { encoding: "utf8", env }));
}

/** Vectors of the first half of the sessions; a model learns the second half with and without them. */
function worth(name: string, smoke: boolean): object {
  const folder = mkdtempSync(join(tmpdir(), "hashbrook-next-"));
  const at = (file: string) => join(folder, file);
  const lines = linesOf(name);
  const half = smoke ? 1_000 : lines.length >> 1;
  const before = lines.slice(0, half);
  writeFileSync(at("before.txt"), `${before.join("\n")}\n`);
  writeFileSync(at("events.tsv"), eventsOf(before, lines.slice(half), smoke ? 3_000 : EVENTS));
  writeFileSync(at("spec.yaml"), SPEC);
  hashbrook("item2vec", "--data", at("before.txt"), "--out", at("vectors"), "--min-count", "2");
  const shares = (smoke ? [1] : [0.01, 0.1, 1]).map((share) => {
    const limit = ["--limit", String(Math.round(share * (smoke ? 3_000 : EVENTS)))];
    const cold = trainOnce(at("spec.yaml"), at("events.tsv"), ...limit);
    const warm = trainOnce(at("spec.yaml"), at("events.tsv"), ...limit, "--init-table", `items=${at("vectors")}`);
    const figures = ({ auc, logloss }: typeof cold) => ({ auc: round(auc), logloss: round(logloss) });
    return [`first ${100 * share} %`, { cold: figures(cold), from_vectors: figures(warm) }] as const;
  });
  return Object.fromEntries(shares);
}

/** Every click after a session's first, among items drawn by their number of clicks so far: label, item, the items before. */
function eventsOf(before: readonly string[], sessions: readonly string[], most: number): string {
  const rng = new Rng(1);
  const clicked = before.flatMap((line) => line.split(" "));
  const events: string[] = [];
  for (const line of sessions) {
    const ids = line.split(" ");
    for (let t = 1; t < ids.length && events.length < most; t++) {
      const history = ids.slice(Math.max(0, t - HISTORY), t).join("|");
      const place = rng.below(NEGATIVES + 1);
      for (let k = 0; k <= NEGATIVES; k++) {
        const item = k === place ? ids[t] : clicked[rng.below(clicked.length)];
        events.push(`${Number(k === place)}\t${item}\t${history}`);
      }
    }
    clicked.push(...ids);
  }
  return `${events.slice(0, most).join("\n")}\n`;
}
