import { expect, it } from "vitest";
import { Batch, type BatchLayout, batchLayout } from "../../src/core/batch.js";
import { Rng } from "../../src/core/rng.js";
import { xxh64 } from "../../src/kernels/hash.js";
import { packContribution, unpackContribution } from "../../src/model/contribution.js";
import { TowerModel } from "../../src/model/tower-model.js";
import { parseSpec } from "../../src/spec/parse.js";
import type { RemoteKeys, ShardShare } from "../../src/tables/shard-share.js";
import { partsOf, withPushes } from "../../src/train/lanes/owners/push.js";

const LANES = 3;
const ROUND = 16;

const source = (table: string, train = "") => `
name: owners
events: { format: tsv, columns: [label, a, b, t] }
label: { field: label, time: t }
fields:
  - { name: a, type: categorical, table: ids }
  - { name: b, type: categorical, table: few }
tables: { ids: { init: 0.1, ${table} }, few: { dim: 4, encoding: dhe, dhe: { hashes: 8, width: 8 } } }
tower: { deep_crossing: { residual: [8] }, optimizer: adam }
train: { lanes: ${LANES}, round: ${ROUND}${train} }
`;

const tables = {
  exact: "dim: 4, encoding: exact, shards: 5",
  "exact with Adam, which counts steps": "dim: 4, encoding: exact, shards: 16, optimizer: adam",
  "hash in int8": "dim: 4, encoding: hash, rows: 60, shards: 4, precision: int8, optimizer: { adagrad: {} }",
  "exact of an odd dim": "dim: 3, encoding: exact, shards: 4",
  "exact with expiry":
    "dim: 4, encoding: exact, shards: 4, eviction: { expire_time: 40s, l2_weight_threshold: 0.0001 }",
  "exact within a budget": "dim: 4, encoding: exact, shards: 3, budget: 12KiB, eviction: { policy: lru }",
};

/** One lane's events of a round: some ids are new, some recur, some disappear. */
function someRows(layout: BatchLayout, round: number, lane: number): Batch {
  const rows = round % 5 === 4 && lane > 0 ? 0 : ROUND;
  const rng = new Rng(1000 * round + lane);
  const batch = new Batch(layout, rows, new ArrayBuffer(layout.bytes));
  for (const t of [0, 1]) {
    const keys = batch.keys(t);
    for (let i = 0; i < keys.length; i++) keys[i] = xxh64(`${t} ${round + rng.below(12)}`);
  }
  for (let r = 0; r < rows; r++) batch.labels[r] = rng.below(2);
  batch.weights.fill(1);
  batch.times.fill(1_700_000_000_000 + round * 10_000);
  return batch;
}

async function opened(text: string, share?: ShardShare, folds = false) {
  const spec = parseSpec(text, "owners.yaml");
  const layout = batchLayout(spec, spec.batch);
  const model = await TowerModel.create(spec, { layout, threads: 1, purpose: "train", share, folds });
  return { layout, model, lanes: model.lanes! };
}

const printsOf = (models: readonly TowerModel[]) => {
  const blocks = models.flatMap((model) => model.blocks());
  return Object.fromEntries(blocks.map(({ name, data }) => [name, xxh64(data).toString(16)]));
};

/** Lanes without shards, and owners that hold those of `owners` equal parts. */
async function sharedOut(text: string, owners: number) {
  const held = await Promise.all(
    Array.from({ length: owners }, (_, k) =>
      opened(text, { holds: (shard) => shard % owners === k, rows: null }, true),
    ),
  );
  let asked: RemoteKeys = new Map();
  const one = await opened(text, {
    holds: () => false,
    rows: {
      sizes: () => ({ rows: 0, capacity: 0, bytes: 0 }),
      vectors: (name) =>
        asked.get(name)!.map(({ shard, keys }) => {
          const table = held[shard % owners].model.tables.find((one) => one.name === name)!;
          return table.shardVectors!(shard, keys);
        }),
    },
  });
  const contribute = (batch: Batch, l: number) => {
    asked = one.lanes.remoteKeys(batch);
    return one.lanes.contribute(batch, l);
  };
  return { lane: { ...one, contribute }, held };
}

it.each(
  Object.entries(tables).flatMap(([name, table]) =>
    ["", ", gradients: bf16"].map((train) => [`${name}${train}`, source(table, train)] as const),
  ),
)("sharded tables of %s learn the same bytes with one, two or three owners as in one process", async (_, text) => {
  const whole = await opened(text);
  const runs = await Promise.all([1, 2, 3].map((owners) => sharedOut(text, owners)));
  for (let round = 0; round < 14; round++) {
    const batches = Array.from({ length: LANES }, (_, lane) => someRows(whole.layout, round, lane));
    const contributions = [];
    for (const [lane, batch] of batches.entries()) contributions.push(await whole.lanes.contribute(batch, lane));
    await whole.lanes.fold(contributions);
    for (const { lane, held } of runs) {
      const sent = [];
      for (const [l, batch] of batches.entries()) {
        const { rest, pushes } = partsOf(await lane.contribute(batch, l), { round, lane: l });
        sent.push({ rest: unpackContribution(packContribution(rest)), pushes });
      }
      await lane.lanes.fold(sent.map(({ rest }) => rest));
      for (const [k, { lanes }] of held.entries()) {
        const mine = sent.map(({ rest, pushes }) =>
          withPushes(
            rest,
            pushes.filter(({ shard }) => shard % held.length === k).map(({ bytes }) => bytes),
          ),
        );
        await lanes.fold(mine);
      }
    }
  }
  const all = printsOf([whole.model]);
  const split = Object.keys(all).filter((name) => /^table\/ids\.\d\//.test(name));
  expect(split.length).toBeGreaterThan(2);
  for (const { lane, held } of runs) {
    expect(printsOf([lane.model, ...held.map(({ model }) => model)])).toEqual(all);
    expect(Object.keys(printsOf([lane.model])).filter((name) => split.includes(name))).toEqual([]);
    for (const { model } of [lane, ...held]) await model.close();
  }
  await whole.model.close();
});
