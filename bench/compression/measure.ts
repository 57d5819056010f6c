import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { batchLayout } from "../../src/core/batch.js";
import { HashbrookError } from "../../src/core/errors.js";
import { average, type Compared, compare } from "../../src/metrics/delong.js";
import { createModel } from "../../src/model/create.js";
import type { Model } from "../../src/model/model.js";
import type { CompiledSpec } from "../../src/spec/compiled.js";
import type { Dataset, Pass } from "./datasets.js";
import { type Entry, EXACT, type Layout, type MeasuredTable } from "./encodings.js";
import { batchesOf } from "./events.js";
import { GROUPS, readFacts } from "./facts.js";
import { compressed, fit, specOf } from "./fit.js";

/** The default of `train.seed`. */
export const SEED = 42;

export interface Point {
  readonly dataset: string;
  readonly encoding: string;
  /** Target bytes ÷ bytes of the exact tables. */
  readonly budget: number;
  readonly seed: number;
  /** Of the id tables after learning. */
  readonly bytes: number;
  /** Of the exact ones. */
  readonly full_bytes: number;
  readonly all: Compared;
  /** "user head", "user tail", … */
  readonly groups: Readonly<Record<string, Compared>>;
  readonly examples_per_second: number;
}

/** Learns a data set with exact tables and stores their sizes and scores in the folder for comparison. */
export async function measureExact(dataset: Dataset, folder: string): Promise<Point> {
  const layout = EXACT.layout(
    1,
    dataset.ids.map((table) => ({ ...table, rows: 1, bytes: 1 })),
  );
  const run = await learn(dataset, layout, folder);
  const ids = dataset.ids.map((table): MeasuredTable => {
    const { rows, bytes } = run.tables.find(({ name }) => name === table.name)!;
    return { ...table, rows, bytes };
  });
  writeFileSync(join(folder, "exact.json"), JSON.stringify(ids));
  for (const [i, logits] of run.logits.entries()) writeFileSync(join(folder, `logits-${i}`), logits);
  return point(dataset, EXACT.name, 1, run.bytes, run, folder);
}

/** Learns a data set with an encoding at a budget; null if it cannot be that small. */
export async function measure(dataset: Dataset, entry: Entry, budget: number, folder: string): Promise<Point | null> {
  const ids = JSON.parse(readFileSync(join(folder, "exact.json"), "utf8")) as MeasuredTable[];
  const full = ids.reduce((sum, { bytes }) => sum + bytes, 0);
  const layout = await fit(entry, dataset, ids, Math.floor(budget * full));
  if (!layout) return null;
  try {
    return point(dataset, entry.name, budget, full, await learn(dataset, layout, folder), folder);
  } catch (error) {
    // A table with capacity for fewer rows than a batch has.
    if (error instanceof HashbrookError && error.code === "table_full") return null;
    throw error;
  }
}

interface Run {
  readonly bytes: number;
  readonly tables: readonly { readonly name: string; readonly rows: number; readonly bytes: number }[];
  /** Of every pass, f32[scored rows]. */
  readonly logits: readonly Float32Array[];
  readonly examples_per_second: number;
}

async function learn(dataset: Dataset, layout: Layout, folder: string): Promise<Run> {
  const spec = specOf(dataset, layout);
  const logits: Float32Array[] = [];
  let tables: Run["tables"] = [];
  let [examples, seconds] = [0, 0];
  for (const [i, pass] of dataset.passes.entries()) {
    const { labels } = readFacts(dataset, i, folder);
    const started = performance.now();
    const model = await createModel(spec, { layout: batchLayout(spec, spec.batch), threads: 1, purpose: "train" });
    const scores = new Float32Array(labels.length);
    examples += await learnPass(model, spec, pass, scores);
    seconds += (performance.now() - started) / 1000;
    if (pass.score !== null) await scorePass(model, spec, pass.score, scores);
    if (!scores.every(Number.isFinite)) throw new Error(`${dataset.name}: a score is not finite`);
    tables = model.tables.map((table) => ({ name: table.name, ...table.stats() }));
    logits.push(scores);
    await model.close();
  }
  const names = compressed(layout);
  const bytes = tables.reduce((sum, table) => sum + (names.has(table.name) ? table.bytes : 0), 0);
  return { bytes, tables, logits, examples_per_second: Math.round(examples / seconds) };
}

async function learnPass(
  model: Model,
  spec: CompiledSpec,
  { learn, score }: Pass,
  scores: Float32Array,
): Promise<number> {
  let rows = 0;
  for await (const batch of batchesOf(spec, learn)) {
    const { logits, skipped } = await model.learn(batch);
    if (skipped > 0) throw new Error(`${learn}: ${skipped} rows were not learned`);
    if (score === null) scores.set(logits, rows);
    rows += batch.rows;
  }
  return rows;
}

async function scorePass(model: Model, spec: CompiledSpec, path: string, scores: Float32Array): Promise<void> {
  let rows = 0;
  for await (const batch of batchesOf(spec, path)) {
    scores.set(await model.predict(batch), rows);
    rows += batch.rows;
  }
}

/** The data set, with another seed of hashes and initial weights. */
export function seeded(dataset: Dataset, seed: number): Dataset {
  return { ...dataset, spec: { ...dataset.spec, train: { ...dataset.spec.train, seed } } };
}

const seedOf = ({ spec }: Dataset): number => spec.train.seed ?? SEED;

function point(
  dataset: Dataset,
  encoding: string,
  budget: number,
  full_bytes: number,
  run: Run,
  folder: string,
): Point {
  const names = dataset.groups.flatMap((field) => GROUPS.map((group) => `${field} ${group}`));
  const folds = run.logits.map((logits, i) => {
    const { labels, groups } = readFacts(dataset, i, folder);
    const baseline = new Float32Array(new Uint8Array(readFileSync(join(folder, `logits-${i}`))).buffer);
    // For a stream the second half counts: the first mostly shows how fast a model starts.
    const from = dataset.passes[i].score === null ? labels.length >> 1 : 0;
    const rows = Uint32Array.from({ length: labels.length - from }, (_, row) => from + row);
    const quality = (keep: (row: number) => boolean) => compare(logits, baseline, labels, rows.filter(keep));
    const parts = groups.flatMap((kinds) => GROUPS.map((_, kind) => quality((row) => kinds[row] === kind)));
    return [quality(() => true), ...parts];
  });
  const averages = folds[0].map((_, part) => {
    const known = folds.map((fold) => fold[part]).filter((fold) => fold !== null);
    return known.length > 0 ? average(known) : null;
  });
  const groups = names.flatMap((name, i) => (averages[i + 1] ? [[name, averages[i + 1]]] : []));
  const { bytes, examples_per_second } = run;
  return {
    dataset: dataset.name,
    encoding,
    budget,
    seed: seedOf(dataset),
    bytes,
    full_bytes,
    all: averages[0]!,
    groups: Object.fromEntries(groups),
    examples_per_second,
  };
}
