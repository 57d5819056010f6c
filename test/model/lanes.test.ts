import { describe, expect, it } from "vitest";
import { Batch, type BatchLayout, batchLayout } from "../../src/core/batch.js";
import { floatsOf } from "../../src/core/bf16.js";
import { Rng } from "../../src/core/rng.js";
import { encodingKinds, kindOf } from "../../src/encodings/index.js";
import { xxh64 } from "../../src/kernels/hash.js";
import { type Contribution, packContribution, unpackContribution } from "../../src/model/contribution.js";
import { TowerModel } from "../../src/model/tower-model.js";
import { parseSpec } from "../../src/spec/parse.js";

const towers = ["deep_crossing", "wide_deep", "dcn_v2", "dlrm", "deepfm", "deep_ffm"] as const;

interface Kind {
  readonly tower?: string;
  readonly table?: string;
  readonly train?: string;
}

const source = ({ tower = "deep_crossing", table = "", train = "lanes: 4, round: 16" }: Kind) => `
name: lanes
events: { format: tsv, columns: [label, a, b, tags, x, v] }
label: { field: label }
fields:
  - { name: a, type: categorical, table: ids }
  - { name: b, type: categorical, table: ids }
  - { name: tags, type: bag, max_length: 4, table: ids }
  - { name: x, type: numeric, transform: standardize }
  - { name: v, type: vector, length: 3 }
  - { name: axb, type: cross, of: [a, b] }
tables: { ids: { dim: 4, salt: field, init: 0.1${table} } }
tower: { ${tower}: {}, optimizer: adam }
wide: { fields: [axb], bits: 10 }
train: { ${train} }
`;

/** The options of table `ids` for an encoding. */
function encoded(kind: string): string {
  const { inner } = kindOf(kind);
  const own = inner ? `, ${kind}: { ${inner.option}: { rows: 40 } }` : "";
  return `, encoding: ${kind}, rows: 50${own}`;
}

const KEY = 0x9e3779b97f4a7c15n;

/** Rows whose label depends on field a alone, so that there is something to learn. */
function someRows(layout: BatchLayout, rows: number, seed: number): Batch {
  const rng = new Rng(seed);
  const batch = new Batch(layout, rows, new ArrayBuffer(layout.bytes));
  const fill = (keys: BigUint64Array, n: number) => {
    for (let i = 0; i < keys.length; i++) keys[i] = BigInt.asUintN(64, BigInt(rng.below(n) + 1) * KEY);
  };
  fill(batch.keys(0), 20);
  fill(batch.keys(1), 50);
  const ids = batch.keys(0);
  for (let r = 0; r < rows; r++) batch.labels[r] = Number((ids[r * 2] >> 17n) & 1n);
  batch.weights.fill(1);
  for (let i = 0; i < batch.numbers.length; i++) batch.numbers[i] = rng.uniform() * 10;
  for (let i = 0; i < batch.vectors.length; i++) batch.vectors[i] = rng.uniform() - 0.5;
  const offsets = new Uint32Array(batch.buffer, layout.bags[0].offsets, rows + 1);
  for (let r = 0; r < rows; r++) offsets[r + 1] = offsets[r] + rng.below(4);
  fill(batch.bag(0).keys, 30);
  batch.bag(0).weights.fill(1);
  return batch;
}

async function open(kind: Kind, threads = 1) {
  const spec = parseSpec(source(kind), "lanes.yaml");
  const layout = batchLayout(spec, spec.batch);
  return { spec, layout, model: await TowerModel.create(spec, { layout, threads, purpose: "train" }) };
}

type Opened = Awaited<ReturnType<typeof open>>;

const stateOf = ({ model }: Opened) =>
  new Map(model.blocks().map((block) => [block.name, { ...block, data: block.data.slice() }]));

/** A hash of every block of state. */
const printsOf = (opened: Opened) =>
  Object.fromEntries([...stateOf(opened)].map(([name, { data }]) => [name, xxh64(data).toString(16)]));

const meanLoss = (logits: Float32Array, labels: Float32Array) =>
  logits.reduce((sum, z, i) => sum + Math.log1p(Math.exp(labels[i] ? -z : z)), 0) / logits.length;

async function learnAll({ model, layout }: Opened, count: number, from = 0): Promise<number[]> {
  const losses: number[] = [];
  for (let i = from; i < from + count; i++) {
    const batch = someRows(layout, i % 3 === 2 ? 37 : layout.capacity, i);
    const { logits, skipped } = await model.learn(batch);
    expect(skipped).toBe(0);
    losses.push(meanLoss(logits, batch.labels));
  }
  return losses;
}

const kinds: Kind[] = [
  ...towers.map((tower) => ({ tower })),
  ...encodingKinds.map((kind) => ({ table: encoded(kind) })),
  { table: encoded("dhe").replace("rows: 50", "rows: 50, dhe: { batch_norm: true }") },
  { table: ", encoding: exact, nested: true" },
  { table: ", encoding: exact, shards: 2" },
  { table: ", encoding: exact, precision: f16, optimizer: { adagrad: {} }" },
];

const nameOf = ({ tower = "deep_crossing", table = "" }: Kind) => `${tower}${table}`;

describe.each(kinds.map((kind) => [nameOf(kind), kind] as const))("lanes over %s", (_, kind) => {
  // As long as no batch is clipped: lanes clip the sums of gradients, not their terms.
  it("one lane with a full batch learns the same bytes as the model without lanes", async () => {
    const models = [
      await open({ ...kind, train: "batch: 64, warmup: 0" }),
      await open({ ...kind, train: "lanes: 1, batch: 64" }),
    ];
    for (const model of models) await learnAll(model, 3);
    expect(printsOf(models[1])).toEqual(printsOf(models[0]));
    for (const { model } of models) await model.close();
  });

  it.each(["lanes: 4, round: 16", "lanes: 4, round: 16, staleness: 1, gradients: bf16"])(
    "learns with { %s }, and continues from a checkpoint to the same bytes",
    async (train) => {
      const [whole, killed, resumed] = [
        await open({ ...kind, train }, 2),
        await open({ ...kind, train }),
        await open({ ...kind, train }),
      ];
      const losses = await learnAll(whole, 24);
      expect(losses.at(-1)!).toBeLessThan(losses[0]);
      await learnAll(killed, 11);
      resumed.model.restore(stateOf(killed));
      await learnAll(resumed, 13, 11);
      expect(printsOf(resumed)).toEqual(printsOf(whole));
      for (const { model } of [whole, killed, resumed]) await model.close();
    },
  );
});

describe("a contribution", () => {
  it("survives a round trip", async () => {
    for (const table of [encoded("low_dim"), encoded("dhe"), encoded("hash")]) {
      const { model, layout } = await open({ table });
      const sent = await model.lanes!.contribute(someRows(layout, 16, 3), 1);
      expect(unpackContribution(packContribution(sent))).toEqual(sent);
      await model.close();
    }
  });

  it("of bf16 gradients survives a round trip in half the bytes, and is folded identically", async () => {
    for (const table of [encoded("low_dim"), encoded("dhe"), encoded("hash")]) {
      const train = "lanes: 4, round: 16";
      const [whole, halves] = [await open({ table, train }), await open({ table, train: `${train}, gradients: bf16` })];
      const batch = someRows(whole.layout, 16, 3);
      const [f32, sent] = [
        await whole.model.lanes!.contribute(batch, 1),
        await halves.model.lanes!.contribute(batch, 1),
      ];
      const bytes = packContribution(sent);
      const arrived = unpackContribution(bytes);
      const tables = arrived.tables.map((part) => ({ ...part, gradients: floatsOf(part.gradients) }));
      expect({ ...arrived, dense: floatsOf(arrived.dense), tables }).toEqual(sent);
      const elsewhere = await open({ table, train: `${train}, gradients: bf16` });
      await halves.model.lanes!.fold([sent, sent]);
      await elsewhere.model.lanes!.fold([arrived, arrived]);
      expect(printsOf(elsewhere)).toEqual(printsOf(halves));
      const gradients = f32.tables.reduce((sum, part) => sum + part.gradients.length, f32.dense.length);
      expect(packContribution(f32).length - bytes.length).toBeGreaterThan(1.9 * gradients);
      expect(halves.model.lanes!.mostBytes).toBeLessThan(whole.model.lanes!.mostBytes);
      for (const { model } of [whole, halves, elsewhere]) await model.close();
    }
  });

  it("computes without side effects, in any order of lanes", async () => {
    const { model, layout } = await open({});
    await learnAll({ model, layout } as Opened, 3);
    const before = stateOf({ model } as Opened);
    const parts = [0, 1, 2, 3].map((lane) => someRows(layout, 16, 100 + lane));
    const made: Contribution[] = [];
    for (const lane of [3, 1, 0, 2]) made[lane] = await model.lanes!.contribute(parts[lane], lane);
    expect(stateOf({ model } as Opened)).toEqual(before);
    for (const [lane, part] of parts.entries()) expect(await model.lanes!.contribute(part, lane)).toEqual(made[lane]);
    await model.close();
  });
});
