import { readFileSync } from "node:fs";
import { parse, stringify } from "yaml";
import { batchLayout } from "../src/core/batch.js";
import { compare } from "../src/metrics/delong.js";
import { createModel } from "../src/model/create.js";
import type { Prefixes } from "../src/model/nested-vectors.js";
import type { CompiledSpec } from "../src/spec/compiled.js";
import { parseSpec } from "../src/spec/parse.js";
import { batchesOf } from "./compression/events.js";
import { globo } from "./lib/globo.js";
import { round } from "./lib/run.js";

const DIMS = [32, 16, 8, 4, 2, 1];
/** Share of the second half's batches that all models score before they learn them. */
const EVERY = 4;

/** Nested vectors compared with models of each dim: quality on the same events, and processor time. */
export async function run({ smoke }: { smoke: boolean }): Promise<object> {
  const model = "features/globo-deep-crossing.yaml";
  const clicks = smoke ? 1_000 : Number(process.env.HASHBROOK_CLICKS ?? 400_000);
  const data = globo(clicks);
  if (!data) return { skipped: "no Globo data" };
  const dims = smoke ? [8, 4] : DIMS;
  const cuts = dims.map((dim) => Object.fromEntries(fieldsOf(specOf(model, dims[0])).map((field) => [field, dim])));
  const nested = await learn(specOf(model, dims[0], true), data, clicks * 5, cuts);
  const points = [];
  for (const [i, dim] of dims.entries())
    points.push({ dim, ...(await beside(specOf(model, dim), data, clicks * 5, nested, i)) });
  const [{ seconds }] = points;
  return {
    what: "a model of nested vectors, truncated to each prefix, compared with models of that dim; second half of the stream, AUC in points",
    model,
    events: clicks * 5,
    scored: nested.labels.length,
    processor_seconds: {
      nested: round(nested.seconds, 1),
      of_dim: points.map((point) => ({ dim: point.dim, seconds: round(point.seconds, 1) })),
    },
    cost: round(nested.seconds / seconds, 2),
    prefixes: points.map(({ seconds: _, ...point }) => point),
  };
}

async function beside(spec: CompiledSpec, data: string, events: number, nested: Learned, cut: number) {
  const own = await learn(spec, data, events, []);
  const rows = Uint32Array.from(nested.labels.keys());
  const found = compare(nested.cuts[cut], own.whole, nested.labels, rows)!;
  const whole = compare(nested.cuts[cut], nested.whole, nested.labels, rows)!;
  const difference = (value: number, se: number) => ({ auc_points: round(100 * value, 3), se: round(100 * se, 3) });
  return {
    seconds: own.seconds,
    auc: round(found.auc),
    auc_of_dim: round(found.auc - found.auc_delta),
    to_model_of_dim: difference(found.auc_delta, found.auc_delta_se),
    to_whole: difference(whole.auc_delta, whole.auc_delta_se),
  };
}

interface Learned {
  readonly labels: Uint8Array;
  readonly whole: Float32Array;
  readonly cuts: readonly Float32Array[];
  /** Processor time for learning alone. */
  readonly seconds: number;
}

async function learn(spec: CompiledSpec, data: string, events: number, cuts: readonly Prefixes[]): Promise<Learned> {
  const model = await createModel(spec, { layout: batchLayout(spec, spec.batch), threads: 1, purpose: "train" });
  const labels: number[] = [];
  const whole: number[] = [];
  const scores: number[][] = cuts.map(() => []);
  let [rows, batches, seconds] = [0, 0, 0];
  for await (const batch of batchesOf(spec, data)) {
    const scored = batches++ % EVERY === 0 && rows >= events / 2;
    if (scored && cuts.length > 0)
      (await model.predictCuts!(batch, cuts)).forEach((some, i) => {
        scores[i].push(...some);
      });
    const before = process.cpuUsage();
    const { logits } = await model.learn(batch);
    const { user, system } = process.cpuUsage(before);
    seconds += (user + system) / 1e6;
    if (scored) {
      labels.push(...batch.labels);
      whole.push(...logits);
    }
    rows += batch.rows;
  }
  await model.close();
  return {
    labels: Uint8Array.from(labels),
    whole: Float32Array.from(whole),
    cuts: scores.map((some) => Float32Array.from(some)),
    seconds,
  };
}

function specOf(path: string, dim: number, nested = false): CompiledSpec {
  const source = parse(readFileSync(path, "utf8"));
  for (const table of Object.values(source.tables) as { dim: number }[]) table.dim = dim;
  source.train = { ...source.train, ...(nested && { nested: true }) };
  return parseSpec(stringify(source), path);
}

const fieldsOf = ({ tables }: CompiledSpec): string[] =>
  tables.flatMap(({ role, cells }) => (role === "wide" ? [] : cells.map(({ field }) => field)));
