// One of two processes that learn one model by lanes, each possibly on another kind of processor: node two-kinds.mjs LANE DIRECTORY.
// Contributions are files in the directory. Prints for each round a hash of its contribution for lane 1, and one of all weights after the round.
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Batch, batchLayout } from "../../dist/core/batch.js";
import { xxh64 } from "../../dist/kernels/hash.js";
import { packContribution, unpackContribution } from "../../dist/model/contribution.js";
import { createModel } from "../../dist/model/create.js";
import { parseSpec } from "../../dist/spec/parse.js";
import { digestOf } from "../../dist/train/lanes/digest.js";

const ROWS = 128;
const [lane, directory] = process.argv.slice(2);
const spec = parseSpec(
  `name: two-kinds
events: { format: tsv, columns: [label, a, b, c] }
label: { field: label }
fields:
  - { name: a, type: categorical, table: ids }
  - { name: b, type: categorical, table: ids }
  - { name: c, type: categorical, table: ids }
tables: { ids: { dim: 16, init: 0.1 } }
tower: { deep_crossing: { residual: [64, 32] } }
train: { lanes: 2, round: ${ROWS} }
`,
  "two-kinds.yaml",
);
const layout = batchLayout(spec, spec.batch);
const model = await createModel(spec, { layout, threads: 1, purpose: "train" });

function eventsOf(round, lane) {
  const batch = new Batch(layout, ROWS, new ArrayBuffer(layout.bytes));
  const keys = batch.keys(0);
  for (let i = 0; i < keys.length; i++) keys[i] = BigInt((i * 7919 + (2 * round + lane) * 104_729) % 1000);
  for (let i = 0; i < ROWS; i++) batch.labels[i] = (i * 31 + round) % 4 === 0 ? 1 : 0;
  batch.weights.fill(1);
  return batch;
}

async function from(path) {
  while (!existsSync(path)) await sleep(20);
  return unpackContribution(readFileSync(path));
}

for (let round = 0; round < 3; round++) {
  const mine = [];
  for (const of of [0, 1]) mine.push(packContribution(await model.lanes.contribute(eventsOf(round, of), of)));
  const path = (of) => join(directory, `${round}-${of}`);
  writeFileSync(`${path(lane)}.part`, mine[lane]);
  renameSync(`${path(lane)}.part`, path(lane));
  await model.lanes.fold([await from(path(0)), await from(path(1))]);
  console.log(`${xxh64(mine[1]).toString(16)} ${digestOf(model, round)}`);
}
process.exit(0);
