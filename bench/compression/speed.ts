import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { median, round, trainOnce } from "../lib/run.js";
import { type Dataset, datasets } from "./datasets.js";
import { ENTRIES, type Entry, type MeasuredTable } from "./encodings.js";
import { fit, sourceOf } from "./fit.js";
import type { Point } from "./measure.js";

/** Share of the exact tables' bytes for every encoding here. */
const BUDGET = 0.1;
const NAMES = ["hash", "shared", "compositional", "multi_hash", "hot_cold"];

/** The preset of the spec language, one decoder for all fields. */
const DHE: Entry = {
  name: "dhe",
  unbounded: true,
  layout: (_, ids) => ({
    tables: { pool: { salt: "field", encoding: "dhe", dim: ids[0].dim } },
    of: Object.fromEntries(ids.map(({ name }) => [name, "pool"])),
  }),
};

/**
 * How fast encodings train in a Deep Crossing model, file to checkpoint, as a share of hash tables in the same round. Rounds
 * alternate, so that a slow minute of the machine affects all of them.
 */
export async function speed(smoke: boolean, points: readonly Point[]): Promise<object> {
  const dataset = (await datasets(smoke)).find(({ name }) => name === "simulator")!;
  const deep = { ...dataset, spec: { ...dataset.spec, tower: "deep_crossing" } };
  const folder = mkdtempSync(join(tmpdir(), "hashbrook-speed-"));
  const models = await writeModels(deep, idsOf(dataset, points), folder);
  const rates = new Map(models.map(({ name }) => [name, [] as number[]]));
  for (let i = 0; i < (smoke ? 1 : 3); i++) {
    for (const { name, path } of models)
      rates.get(name)!.push(trainOnce(path, dataset.passes[0].learn).examples_per_second);
  }
  rmSync(folder, { recursive: true });
  const hash = rates.get("hash")!;
  return Object.fromEntries(
    [...rates].map(([name, own]) => [
      name,
      { rows_per_second: own, relative_to_hash: round(median(own.map((rate, i) => rate / hash[i])), 3) },
    ]),
  );
}

/** The id tables as if each had an equal part of the exact bytes: a sufficient basis for sizes. */
function idsOf(dataset: Dataset, points: readonly Point[]): MeasuredTable[] {
  const { bytes } = points.find(({ dataset: name, encoding }) => name === dataset.name && encoding === "exact")!;
  const each = bytes / dataset.ids.length;
  return dataset.ids.map((table) => ({ ...table, rows: 1, bytes: each }));
}

async function writeModels(dataset: Dataset, ids: readonly MeasuredTable[], folder: string) {
  const budget = ids.reduce((sum, { bytes }) => sum + bytes, 0) * BUDGET;
  const models: { name: string; path: string }[] = [];
  for (const entry of [...ENTRIES.filter(({ name }) => NAMES.includes(name)), DHE]) {
    const layout = await fit(entry, dataset, ids, budget);
    if (!layout) throw new Error(`${entry.name} does not fit in ${budget} bytes`);
    const path = join(folder, `${entry.name}.yaml`);
    writeFileSync(path, JSON.stringify(sourceOf(dataset, layout)));
    models.push({ name: entry.name, path });
  }
  return models;
}
