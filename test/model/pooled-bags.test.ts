import { describe, expect, it } from "vitest";
import { Batch, type BatchLayout, batchLayout } from "../../src/core/batch.js";
import { Rng } from "../../src/core/rng.js";
import { TowerModel } from "../../src/model/tower-model.js";
import { parseSpec } from "../../src/spec/parse.js";

const ITEMS = 12;
const LONGEST = 5;

const source = (pooling: string, encoding = "exact") => `
name: interest
events: { format: tsv, columns: [label, item, seen] }
fields:
  - { name: item, type: categorical, table: items }
  - { name: seen, type: bag, max_length: ${LONGEST}, table: items }
tables: { items: { dim: 8, salt: table, init: 0.1, encoding: ${encoding} } }
tower: { deep_crossing: { residual: [16] } }
train: { batch: 64 }
${pooling}
`;
const ATTENTION = "attention: { query: item, over: seen, hidden: [16] }";

const spec = (pooling = ATTENTION, encoding = "exact") => parseSpec(source(pooling, encoding), "interest.yaml");
const keyOf = (item: number) => BigInt.asUintN(64, BigInt(item + 1) * 0x9e3779b97f4a7c15n);

/** Positive if the item was seen before, which the mean over the seen ones hardly shows. */
function batchOf(layout: BatchLayout, rows: number, seed: number, bag?: readonly number[]): Batch {
  const rng = new Rng(seed);
  const batch = new Batch(layout, rows, new ArrayBuffer(layout.bytes));
  const offsets = new Uint32Array(batch.buffer, layout.bags[0].offsets, rows + 1);
  const keys: bigint[] = [];
  for (let r = 0; r < rows; r++) {
    const item = rng.below(ITEMS);
    const seen = bag ?? Array.from({ length: rng.below(LONGEST + 1) }, () => rng.below(ITEMS));
    batch.keys(0)[r] = keyOf(item);
    batch.labels[r] = Number(seen.includes(item));
    keys.push(...seen.map(keyOf));
    offsets[r + 1] = keys.length;
  }
  batch.weights.fill(1);
  batch.bag(0).keys.set(keys);
  batch.bag(0).weights.fill(1);
  return batch;
}

async function trained(compiled: ReturnType<typeof spec>, batches: number) {
  const layout = batchLayout(compiled, compiled.batch);
  const model = await TowerModel.create(compiled, { layout, threads: 1, purpose: "train" });
  let loss = 0;
  for (let i = 0; i < batches; i++) {
    const batch = batchOf(layout, 64, i);
    const { logits, skipped } = await model.learn(batch);
    expect(skipped).toBe(0);
    if (i < batches - 20) continue;
    logits.forEach((z, r) => {
      loss += Math.log1p(Math.exp(batch.labels[r] ? -z : z)) / (20 * 64);
    });
  }
  return { model, layout, loss };
}

const blocksOf = (model: TowerModel) =>
  new Map(model.blocks().map((block) => [block.name, { ...block, data: block.data.slice() }]));

describe("a model that pools a bag by attention", () => {
  it.each(["exact", "low_dim"])("learns what the bag's mean hides, its rows in %s tables", async (encoding) => {
    const attended = await trained(spec(ATTENTION, encoding), 300);
    const mean = await trained(spec("", encoding), 300);
    expect(attended.loss).toBeLessThan(mean.loss - 0.01);
    await attended.model.close();
    await mean.model.close();
  });

  it("continues identically from its blocks", async () => {
    const first = await trained(spec(), 30);
    const { layout } = first;
    const second = await TowerModel.create(spec(), { layout, threads: 1, purpose: "train" });
    second.restore(blocksOf(first.model));
    for (const model of [first.model, second]) await model.learn(batchOf(layout, 40, 99));
    expect(blocksOf(second)).toEqual(blocksOf(first.model));
    await first.model.close();
    await second.close();
  });

  it("scores candidates of one context like separate rows, bit for bit", async () => {
    const { model, layout } = await trained(spec(), 60);
    const scorer = await TowerModel.create(spec(), { layout, threads: 1, purpose: "score" });
    scorer.restore(blocksOf(model));
    for (const seen of [[], [3], [1, 2, 3, 1, 0]]) {
      const candidates = batchOf(layout, 50, 5, seen);
      const together = (await scorer.predict(candidates)).slice();
      const apart: number[] = [];
      for (let r = 0; r < 50; r += 2) {
        const mixed = batchOf(layout, 3, 5, [4, 4]);
        mixed.keys(0).set(candidates.keys(0).subarray(r, r + 2));
        const bag = [...seen, ...seen].map(keyOf);
        new Uint32Array(mixed.buffer, layout.bags[0].offsets, 4).set([0, seen.length, bag.length, bag.length + 1]);
        mixed.bag(0).keys.set([...bag, keyOf(7)]);
        mixed.bag(0).weights.fill(1);
        apart.push(...(await scorer.predict(mixed)).subarray(0, 2));
      }
      expect(together).toEqual(Float32Array.from(apart));
      expect(new Set(together).size).toBeGreaterThan(5);
    }
    await model.close();
    await scorer.close();
  });

  it("distinguishes shared items by their weights, too", async () => {
    const { model, layout } = await trained(spec(), 30);
    const scorer = await TowerModel.create(spec(), { layout, threads: 1, purpose: "score" });
    scorer.restore(blocksOf(model));
    const batch = batchOf(layout, 2, 5, [1, 2]);
    batch.keys(0).fill(keyOf(1));
    const [a, b] = await scorer.predict(batch);
    batch.bag(0).weights[3] = 2;
    const [c, d] = await scorer.predict(batch);
    expect(a).toBe(b);
    expect(c).toBe(a);
    expect(d).not.toBe(a);
    await model.close();
    await scorer.close();
  });
});
