import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { Rng } from "../src/core/rng.js";
import type { CandidateReport, TuneReport } from "../src/tune/options.js";
import { globo } from "./lib/globo.js";
import { measured } from "./lib/measured.js";
import { DATA, round } from "./lib/run.js";

/** A stream to tune on. */
interface Stream {
  readonly name: string;
  readonly model: string;
  readonly data: string;
}

const BUDGETS = ["10%"];
const CIAO_SPEC = `name: ciao
events: { format: csv, columns: [user_id, item_id, category_id, rating, helpfulness] }
label: { field: rating, positive: ">= 4" }
fields:
  - { name: user_id, type: categorical, table: users }
  - { name: item_id, type: categorical, table: items }
tables:
  users: { dim: 16, optimizer: { ftrl: { alpha: 0.1, beta: 1 } } }
  items: { dim: 16, optimizer: { ftrl: { alpha: 0.1, beta: 1 } } }
tower: { deep_crossing: { residual: [64] }, optimizer: { adam: { learning_rate: 1e-3 } } }
train: { batch: 128 }
`;

/**
 * `tune` at a tenth of the full tables' bytes compared with training every candidate over all events: how far the chosen spec is from the best one on the
 * evaluation events, and at what share of the cost.
 */
export async function run({ smoke }: { smoke: boolean }): Promise<object> {
  const streams = smoke ? [simulated(8_000)] : [clicks(), simulated(400_000), ratings()].flatMap((one) => one ?? []);
  const results = streams.flatMap((stream) => BUDGETS.map((budget) => compared(stream, budget, smoke)));
  return {
    what: "tune compared with the exhaustive grid over the same candidates: AUC on the last fifth of the events, which neither used for its choice",
    results,
    worst_gap_points: Math.max(...results.map(({ gap_points }) => gap_points)),
    most_of_cost: Math.max(...results.map(({ cost_share }) => cost_share)),
  };
}

function compared({ name, model, data }: Stream, budget: string, smoke: boolean) {
  const few = smoke ? ["--candidates", "4"] : [];
  const tuned = tuneOnce(model, data, "--budget", budget, ...few);
  const all = tuneOnce(model, data, "--budget", budget, "--exhaustive", ...few);
  const best = all.candidates.reduce((one, other) => ((other.auc ?? 0) > (one.auc ?? 0) ? other : one));
  const same = all.candidates.find((one) => one.name === tuned.chosen)!;
  if (tuned.bytes > tuned.budget!)
    throw new Error(`${name}: ${tuned.bytes} bytes are over the budget of ${tuned.budget}`);
  if (same.auc !== tuned.auc)
    throw new Error(`${name}: the AUC of ${tuned.chosen} is ${tuned.auc} with tune and ${same.auc} with the grid`);
  const result = {
    stream: name,
    events: tuned.events,
    budget: tuned.budget,
    bytes: tuned.bytes,
    full_bytes: tuned.reference.bytes,
    chosen: tuned.chosen,
    auc: round(tuned.auc),
    best: best.name,
    best_auc: round(best.auc),
    gap_points: round(100 * (best.auc! - tuned.auc), 3)!,
    reference_auc: round(tuned.reference.auc),
    difference_points: round(100 * tuned.auc_difference, 2),
    difference_se: tuned.auc_se === null ? null : round(100 * tuned.auc_se, 2),
    candidates: tuned.candidates.length,
    cost_share: round(tuned.cost.trained_events / all.cost.trained_events, 3)!,
    processor_seconds: tuned.processor_seconds,
    exhaustive_processor_seconds: all.processor_seconds,
    exhaustive: all.candidates.map(rowOf),
  };
  console.error(JSON.stringify({ ...result, exhaustive: undefined }));
  return result;
}

const rowOf = ({ name, bytes, auc, auc_difference, auc_se, us_per_score }: CandidateReport) => [
  name,
  bytes,
  round(auc),
  auc_difference === null ? null : round(100 * auc_difference, 2),
  auc_se === null ? null : round(100 * auc_se, 2),
  us_per_score,
];

function tuneOnce(model: string, data: string, ...args: string[]): TuneReport & { processor_seconds: number } {
  const out = mkdtempSync(join(tmpdir(), "hashbrook-tune-"));
  try {
    const flags = ["--model", model, "--data", data, "--out", out, ...args, "--json"];
    const { stdout, processor_seconds } = measured(process.execPath, "dist/cli/main.js", "tune", ...flags);
    return { ...(JSON.parse(stdout.trim().split("\n").at(-1)!) as TuneReport), processor_seconds };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

function simulated(rows: number): Stream {
  return { name: "simulator", model: "features/ads-demo.yaml", data: `simulate:${rows}:7` };
}

function clicks(): Stream | null {
  const data = globo(80_000);
  return data ? { name: "globo", model: "features/globo-deep-crossing.yaml", data } : null;
}

/** Ratings have no time: they are in a seeded order. */
function ratings(): Stream | null {
  const file = join(DATA, "ciao/ratings.csv.gz");
  if (!existsSync(file)) {
    console.error("skipped: no Ciao ratings under ../shared/data");
    return null;
  }
  const folder = join(tmpdir(), "hashbrook-bench");
  mkdirSync(folder, { recursive: true });
  const [model, data] = [join(folder, "ciao-tune.yaml"), join(folder, "ciao-shuffled.csv")];
  const lines = gunzipSync(readFileSync(file)).toString().trim().split("\n").slice(1);
  const random = new Rng(11);
  for (let i = lines.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [lines[i], lines[j]] = [lines[j], lines[i]];
  }
  writeFileSync(model, CIAO_SPEC);
  writeFileSync(data, `${lines.join("\n")}\n`);
  return { name: "ciao", model, data };
}
