import { mkdirSync, writeFileSync } from "node:fs";
import type { Compared } from "../src/metrics/delong.js";
import { curves } from "./compression/curves.js";
import { datasets } from "./compression/datasets.js";
import { ROUNDED } from "./compression/encodings.js";
import { type Point, SEED } from "./compression/measure.js";
import { plot } from "./compression/plot.js";
import { speed } from "./compression/speed.js";
import { verdicts } from "./compression/verdicts.js";

/**
 * Quality against bytes of every encoding of ids, the published orders, and the speed of encodings. Plots go to
 * docs/img. An interrupted run continues if HASHBROOK_CURVES names the folder with its points.
 */
export async function run({ smoke }: { smoke: boolean }): Promise<object> {
  const points = await curves({ smoke, keep: process.env.HASHBROOK_CURVES });
  const used = await datasets(smoke);
  const checked = verdicts(points, used);
  for (const { claim, holds, figures } of checked) {
    console.error(`${holds ? "yes" : "NO "}  ${claim}${figures.map((figure) => `\n       ${figure}`).join("")}`);
  }
  const plots = used.map((dataset) => ({ name: dataset.name, svg: plot(dataset, drawn(dataset.name, points)) }));
  if (!smoke) for (const { name, svg } of plots) save(name, svg);
  return {
    what: "quality against bytes of every encoding of ids, one pass; differences are to exact tables, with paired errors",
    verdicts: checked,
    speed: await speed(smoke, points),
    columns: COLUMNS,
    points: points.map(rowOf),
    group_columns: ["dataset", "encoding", "budget", "group", "rows", "auc", "auc_delta", "auc_delta_se", "logloss"],
    groups: points.filter(({ seed }) => seed === SEED).flatMap(groupsOf),
  };
}

/** The curves of a data set's plot. */
function drawn(name: string, points: readonly Point[]): Point[] {
  const apart = new Set(ROUNDED.map(({ name }) => name));
  return points.filter(({ dataset, seed, encoding }) => dataset === name && seed === SEED && !apart.has(encoding));
}

function save(name: string, svg: string): void {
  mkdirSync("docs/img", { recursive: true });
  writeFileSync(`docs/img/compression-${name}.svg`, svg);
}

const COLUMNS = [
  "dataset",
  "encoding",
  "budget",
  "seed",
  "bytes",
  "share",
  "auc",
  "auc_se",
  "auc_delta",
  "auc_delta_se",
  "logloss",
  "logloss_se",
  "logloss_delta",
  "logloss_delta_se",
  "examples_per_second",
];

const r = (value: number): number => Number(value.toFixed(5));

function rowOf({ dataset, encoding, budget, seed, bytes, full_bytes, all, examples_per_second }: Point): unknown[] {
  const { auc, auc_se, logloss, logloss_se, auc_delta, auc_delta_se, logloss_delta, logloss_delta_se } = all;
  const figures = [auc, auc_se, auc_delta, auc_delta_se, logloss, logloss_se, logloss_delta, logloss_delta_se].map(r);
  return [dataset, encoding, budget, seed, bytes, r(bytes / full_bytes), ...figures, examples_per_second];
}

function groupsOf({ dataset, encoding, budget, groups }: Point): unknown[][] {
  return Object.entries(groups).map(([name, group]) => [dataset, encoding, budget, name, ...figuresOf(group)]);
}

function figuresOf({ rows, auc, auc_delta, auc_delta_se, logloss }: Compared): number[] {
  return [rows, ...[auc, auc_delta, auc_delta_se, logloss].map(r)];
}
