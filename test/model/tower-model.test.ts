import { describe, expect, it } from "vitest";
import { Batch, batchLayout } from "../../src/core/batch.js";
import { Rng } from "../../src/core/rng.js";
import { TowerModel } from "../../src/model/tower-model.js";
import { parseSpec } from "../../src/spec/parse.js";

const source = (kind: string, optimizer = "adam", runtime = "onnxruntime") => `
name: ${kind}
events: { format: tsv, columns: [label, a, b, tags, x, v] }
label: { field: label }
fields:
  - { name: a, type: categorical, table: ids }
  - { name: b, type: categorical, table: ids }
  - { name: tags, type: bag, max_length: 4, table: ids }
  - { name: x, type: numeric, transform: standardize }
  - { name: v, type: vector, length: 3 }
  - { name: axb, type: cross, of: [a, b] }
tables: { ids: { dim: 4, salt: field, init: 0.1 } }
tower: { ${kind}: {}, optimizer: ${optimizer}, runtime: ${runtime} }
wide: { fields: [axb], bits: 10 }
train: { batch: 64 }
`;

/** Rows whose label depends on field a alone, so that there is something to learn. */
function randomBatch(layout: ReturnType<typeof batchLayout>, rows: number, seed: number): Batch {
  const rng = new Rng(seed);
  const batch = new Batch(layout, rows, new ArrayBuffer(layout.bytes));
  const key = (n: number) => BigInt(rng.below(n) + 1) * 0x9e3779b97f4a7c15n;
  const ids = batch.keys(0);
  for (let i = 0; i < ids.length; i++) ids[i] = BigInt.asUintN(64, key(20));
  const wide = batch.keys(1);
  for (let i = 0; i < wide.length; i++) wide[i] = BigInt.asUintN(64, key(50));
  for (let r = 0; r < rows; r++) batch.labels[r] = Number((ids[r * 2] >> 17n) & 1n);
  batch.weights.fill(1);
  for (let i = 0; i < batch.numbers.length; i++) batch.numbers[i] = rng.uniform() * 10;
  for (let i = 0; i < batch.vectors.length; i++) batch.vectors[i] = rng.uniform() - 0.5;
  const region = layout.bags[0];
  const offsets = new Uint32Array(batch.buffer, region.offsets, rows + 1);
  for (let r = 0; r < rows; r++) offsets[r + 1] = offsets[r] + rng.below(4);
  const bag = batch.bag(0);
  for (let i = 0; i < bag.keys.length; i++) bag.keys[i] = BigInt.asUintN(64, key(30));
  bag.weights.fill(1);
  return batch;
}

async function modelOf(kind: string, ...more: string[]) {
  const spec = parseSpec(source(kind, ...more), "test.yaml");
  const layout = batchLayout(spec, spec.batch);
  return { spec, layout, model: await TowerModel.create(spec, { layout, threads: 1, purpose: "train" }) };
}

const meanLoss = (logits: Float32Array, labels: Float32Array) =>
  logits.reduce((sum, z, i) => sum + Math.log1p(Math.exp(labels[i] ? -z : z)), 0) / logits.length;

const stateOf = (model: TowerModel) =>
  new Map(model.blocks().map((block) => [block.name, { ...block, data: block.data.slice() }]));

describe.each(["deep_crossing", "wide_deep", "dcn_v2", "dlrm", "deepfm", "deep_ffm"])(
  "%s over tables, bags, numbers, vectors and a wide part",
  (kind) => {
    it("learns, starting near chance", async () => {
      const { layout, model } = await modelOf(kind);
      const losses: number[] = [];
      for (let i = 0; i < 60; i++) {
        const batch = randomBatch(layout, 64, i);
        const { logits, skipped } = await model.learn(batch);
        expect(skipped).toBe(0);
        losses.push(meanLoss(logits, batch.labels));
      }
      expect(losses[0]).toBeGreaterThan(0.5);
      expect(losses.slice(-5).reduce((a, b) => a + b) / 5).toBeLessThan(0.35);
      await model.close();
    });

    it("continues to the same bytes from a restored state, and predicts single rows as in a batch", async () => {
      const [first, second] = [await modelOf(kind), await modelOf(kind)];
      for (let i = 0; i < 5; i++) await first.model.learn(randomBatch(first.layout, 64, i));
      second.model.restore(stateOf(first.model));
      for (const { model, layout } of [first, second]) await model.learn(randomBatch(layout, 37, 9));
      expect(stateOf(second.model)).toEqual(stateOf(first.model));

      const { spec, layout } = first;
      const scorer = await TowerModel.create(spec, { layout, threads: 1, purpose: "score" });
      scorer.restore(stateOf(first.model));
      const whole = randomBatch(layout, 64, 77);
      const together = (await scorer.predict(whole)).slice();
      const before = stateOf(scorer);
      for (const rows of [1, 2, 5, 33]) {
        const part = new Batch(layout, rows, whole.buffer);
        expect((await scorer.predict(part)).slice()).toEqual(together.slice(0, rows));
      }
      expect(stateOf(scorer)).toEqual(before);
    });
  },
);

it("a batch whose gradient is not finite changes no weight and is counted", async () => {
  const { layout, model } = await modelOf("deep_crossing");
  await model.learn(randomBatch(layout, 64, 1));
  const before = stateOf(model);
  const poisoned = randomBatch(layout, 64, 1);
  poisoned.vectors.fill(Number.POSITIVE_INFINITY);
  expect((await model.learn(poisoned)).skipped).toBe(64);
  const after = stateOf(model);
  for (const [name, block] of before) if (!name.startsWith("numbers/")) expect(after.get(name), name).toEqual(block);
  const { logits, skipped } = await model.learn(randomBatch(layout, 64, 2));
  expect([skipped, logits.every(Number.isFinite)]).toEqual([0, true]);
});

it("reports that the tower has run, once per batch, before any weight changes", async () => {
  const spec = parseSpec(source("deep_crossing"), "test.yaml");
  const layout = batchLayout(spec, spec.batch);
  const weights: unknown[] = [];
  const onTowerRun = () => weights.push(stateOf(model).get("dense/score.b/w"));
  const model = await TowerModel.create(spec, { layout, threads: 1, purpose: "train", onTowerRun });
  const before: unknown[] = [];
  for (let i = 0; i < 3; i++) {
    before.push(stateOf(model).get("dense/score.b/w"));
    await model.learn(randomBatch(layout, 64, i));
  }
  expect(before[0]).toBeDefined();
  expect(weights).toEqual(before);
  expect(before[1]).not.toEqual(before[2]);
});

it("learns identically in both runtimes", async () => {
  const [ort, tf] = [await modelOf("deep_crossing"), await modelOf("deep_crossing", "adam", "tensorflow")];
  for (let i = 0; i < 5; i++) {
    const expected = (await ort.model.learn(randomBatch(ort.layout, 64, i))).logits;
    const found = (await tf.model.learn(randomBatch(tf.layout, 64, i))).logits;
    found.forEach((z, row) => {
      expect(Math.abs(z - expected[row])).toBeLessThan(1e-3);
    });
  }
});
