import { describe, expect, it } from "vitest";
import { batchLayout } from "../../../src/core/batch.js";
import { createEncoding, createTable } from "../../../src/encodings/create.js";
import { HotColdEncoding } from "../../../src/encodings/hot_cold/hot_cold.js";
import type { EncodingSpec, OptimizerSpec } from "../../../src/spec/compiled.js";
import { optimizerSpecs } from "../../optimizers/specs.js";
import { mix } from "../../tables/reference.js";
import { batchOf, dice, modelOf } from "../../tables/samples.js";
import {
  applyChanges,
  CAPACITY,
  changesOf,
  distinctKeys,
  gradientsFor,
  learn,
  OPTIONS,
  savedBlocks,
  vectorsOf,
} from "../driver.js";
import { ReferenceHotCold } from "./hot-cold-reference.js";

const ids = Array.from({ length: 120 }, (_, i) => mix(BigInt(i)));
const { sgd } = optimizerSpecs;

interface Shape {
  readonly optimizer?: OptimizerSpec;
  readonly dim?: number;
  readonly rows?: number;
  readonly hotness?: "gradient" | "frequency";
  readonly cold?: Partial<EncodingSpec>;
}

function specOf({ optimizer = sgd, dim = 4, rows = 12, hotness = "gradient", cold = {} }: Shape = {}) {
  const base = { rows: 13, dim, init: 0.05, optimizer };
  const coldPart: EncodingSpec = { ...base, name: "ids.cold", encoding: "hash", seed: "00000000000000c0", ...cold };
  const hot_cold = { hotness, threshold: 2, decay: 0.9, decay_steps: 4, sketch_rows: 64, cold: coldPart };
  return { ...base, name: "ids", encoding: "hot_cold", rows, seed: "00000000000000aa", hot_cold } as const;
}

async function tableOf(shape: Shape = {}, options = {}): Promise<HotColdEncoding> {
  const table = await createEncoding(specOf(shape), { ...OPTIONS, ...options });
  if (!(table instanceof HotColdEncoding)) throw new Error("not hot_cold");
  return table;
}

/** Batches with skewed ids and a moving head: ids become hot, and cold again. */
function* batches(count: number, dim: number, seed = 1): Generator<{ keys: bigint[]; gradients: Float32Array }> {
  const roll = dice(seed);
  for (let b = 0; b < count; b++) {
    const head = Math.floor(b / 15) * 10;
    const key = (): bigint => ids[(roll(4) === 0 ? roll(ids.length) : head + roll(14)) % ids.length];
    const keys = [...new Set(Array.from({ length: CAPACITY }, key))];
    yield { keys, gradients: gradientsFor(keys.length * dim, roll) };
  }
}

async function train(table: HotColdEncoding, count: number, dim = 4): Promise<void> {
  for (const { keys, gradients } of batches(count, dim)) await learn(table, keys, gradients);
}

/** Keys of the hot rows, by row. */
function hotKeys({ stores: [hot] }: HotColdEncoding): bigint[] {
  return [...hot.weightsOfRows(hot.rowsFrom(0, hot.rows)).keys];
}

describe.each(Object.entries(optimizerSpecs))("a hot_cold table with %s", (_, optimizer) => {
  it.each(["gradient", "frequency"] as const)("equals the reference bit for bit, by %s", async (hotness) => {
    for (const dim of [1, 4, 10]) {
      const table = await tableOf({ optimizer, dim, hotness });
      const reference = new ReferenceHotCold(specOf({ optimizer, dim, hotness }), CAPACITY);
      for (const { keys, gradients } of batches(60, dim)) {
        reference.settle();
        const expected = keys.flatMap((key) => reference.vectorOf(key));
        expect([...(await learn(table, keys, gradients))]).toEqual(expected);
        reference.learn(keys, gradients);
      }
      expect(hotKeys(table)).toEqual(reference.hotness.hot.map(({ key }) => key));
      expect(table.stores[0].rows).toBe(12);
      expect(table.hotness?.demoted).toBeGreaterThan(5);
      for (const key of ids) expect([...(await table.vectorOf(key))]).toEqual(reference.vectorOf(key));
    }
  });

  it("copies an id's vector into its row on promotion", async () => {
    const table = await tableOf({ optimizer });
    let promoted = 0;
    for (const { keys, gradients } of batches(40, 4)) {
      await learn(table, keys, gradients);
      const hot = new Set(hotKeys(table));
      const before = await Promise.all(ids.map(async (key) => ({ key, vector: await table.vectorOf(key) })));
      await vectorsOf(table, [], "learn");
      for (const key of hotKeys(table).filter((one) => !hot.has(one))) {
        promoted++;
        const vector = before.find((one) => one.key === key)!.vector;
        const now = await table.vectorOf(key);
        // FTRL keeps z, from which weights are derived: one rounding away where l1 or the group lasso shift it.
        now.forEach((w, i) => {
          expect(Math.abs(w - vector[i])).toBeLessThanOrEqual(optimizer.kind === "ftrl" ? 2 ** -22 : 0);
        });
      }
    }
    expect(promoted).toBeGreaterThan(15);
  });

  it("restores to the same bytes, and continues identically", async () => {
    const [first, second] = [await tableOf({ optimizer }), await tableOf({ optimizer })];
    await train(first, 25);
    second.restore(savedBlocks(first));
    expect(savedBlocks(second)).toEqual(savedBlocks(first));
    for (const { keys, gradients } of batches(25, 4, 9)) {
      expect(await learn(second, keys, gradients)).toEqual(await learn(first, keys, gradients));
    }
    expect(savedBlocks(second)).toEqual(savedBlocks(first));
    expect(second.hotness).toEqual(first.hotness);
  });

  it("predicts the same bits in a replica of its rows", async () => {
    const [trainer, replica] = [await tableOf({ optimizer }), await tableOf({ optimizer }, { serving: true })];
    const changes = changesOf(trainer.stores);
    for (const { keys, gradients } of batches(50, 4)) {
      const before = hotKeys(trainer);
      await learn(trainer, keys, gradients);
      const now = new Set(hotKeys(trainer));
      const gone = BigUint64Array.from(before.filter((key) => !now.has(key)));
      applyChanges(changes, replica.stores, (store) => (store === trainer.stores[0] ? gone : new BigUint64Array()));
      const asked = distinctKeys(ids, CAPACITY, dice(keys.length));
      expect(await vectorsOf(replica, asked)).toEqual(await vectorsOf(trainer, asked));
    }
    expect(replica.hotness).toBeNull();
    expect(trainer.hotness?.demoted).toBeGreaterThan(5);
  });
});

describe("a hot_cold table", () => {
  it.each([
    ["shared", { encoding: "shared", shared: { lookups: 2, combine: "sum" } }],
    ["exact", { encoding: "exact", rows: 0 }],
    ["sharded", { encoding: "exact", rows: 0, shards: 3 }],
    [
      "compositional",
      {
        encoding: "compositional",
        compositional: { partitions: [7, 20], scheme: "mixed_radix", combine: "mult", range: 140 },
      },
    ],
  ] as const)("has a cold part that is %s", async (_, cold) => {
    const table = await tableOf({ cold });
    await train(table, 60);
    expect(table.hotness?.promoted).toBeGreaterThan(15);
    expect(table.hotness?.demoted).toBeGreaterThan(3);
    const other = await tableOf({ cold });
    other.restore(savedBlocks(table));
    expect(await vectorsOf(other, ids.slice(0, CAPACITY))).toEqual(await vectorsOf(table, ids.slice(0, CAPACITY)));
  });

  it.each([
    ["f16", 1000],
    ["int8", 60],
    ["int4", 3.4],
    ["int2", 0.98],
  ] as const)("copies vectors into rows in %s within that precision", async (precision, codes) => {
    const spec = { ...specOf({ optimizer: optimizerSpecs.adagrad }), precision };
    const table = await createEncoding(spec, OPTIONS);
    for (const { keys, gradients } of batches(2, 4)) await learn(table, keys, gradients);
    const before = await Promise.all(ids.map((key) => table.vectorOf(key)));
    await vectorsOf(table, [], "learn");
    expect(table.stores[0].rows).toBeGreaterThan(0);
    for (const [i, key] of ids.entries()) {
      const largest = Math.max(...before[i].map(Math.abs));
      (await table.vectorOf(key)).forEach((w, j) => {
        expect(Math.abs(w - before[i][j])).toBeLessThanOrEqual(largest / codes);
      });
    }
  });

  it("changes nothing when scoring", async () => {
    const table = await tableOf();
    await train(table, 12);
    const before = savedBlocks(table);
    await vectorsOf(table, ids.slice(0, CAPACITY));
    expect(savedBlocks(table)).toEqual(before);
  });

  it("discards a batch that is not applied", async () => {
    const [table, other] = [await tableOf(), await tableOf()];
    await train(table, 10);
    await train(other, 10);
    const keys = ids.slice(0, 8);
    await vectorsOf(table, keys, "learn");
    await vectorsOf(other, [], "learn");
    table.gradients.fill(Number.NaN);
    await table.backward();
    expect(table.gradientsFinite()).toBe(false);
    const sketch = (one: HotColdEncoding) => savedBlocks(one).get("table/ids/sketch");
    expect(sketch(table)).toEqual(sketch(other));
    for (const { keys, gradients } of batches(5, 4, 3)) {
      expect(await learn(table, keys, gradients)).toEqual(await learn(other, keys, gradients));
    }
  });

  it("learns from gradients that are all zero", async () => {
    const table = await tableOf();
    await train(table, 5);
    const before = await vectorsOf(table, ids.slice(0, 8));
    await learn(table, ids.slice(0, 8), new Float32Array(32));
    expect(await vectorsOf(table, ids.slice(0, 8))).toEqual(before);
  });

  it("never exceeds its rows or grows", async () => {
    const table = await tableOf({ rows: 3 });
    const { bytes } = table;
    for (const { keys, gradients } of batches(60, 4)) {
      await learn(table, keys, gradients);
      expect(table.stores[0].rows).toBeLessThanOrEqual(3);
    }
    expect(table.stores[0].rows).toBe(3);
    expect(table.bytes).toBe(bytes);
    expect(bytes).toBe(table.stores.reduce((sum, store) => sum + store.bytes, 0) + 48 + 12 + 64 * 16);
  });

  it("counts promotions, demotions and hot keys", async () => {
    const table = await tableOf();
    await train(table, 40);
    const { promoted, demoted, keys, hot_keys: hot } = table.hotness!;
    expect(promoted - demoted).toBe(table.stores[0].rows);
    expect(keys).toBe([...batches(40, 4)].reduce((sum, batch) => sum + batch.keys.length, 0));
    expect(hot / keys).toBeGreaterThan(0.2);
    expect(hot / keys).toBeLessThan(0.8);
  });

  it("refuses a checkpoint without its sketch", async () => {
    const table = await tableOf();
    await train(table, 5);
    for (const part of ["hotness", "scores", "sketch"]) {
      const blocks = savedBlocks(table);
      blocks.delete(`table/ids/${part}`);
      const other = await tableOf();
      expect(() => other.restore(blocks)).toThrow(expect.objectContaining({ code: "checkpoint_damaged" }));
    }
  });
});

it("restores into a table with a smaller batch capacity", async () => {
  const table = await tableOf();
  await train(table, 10);
  const scorer = await createEncoding(specOf(), { capacity: 4, learns: false, serving: false, runtime: "onnxruntime" });
  scorer.restore(savedBlocks(table));
  expect([...(await scorer.vectorOf(3n))]).toEqual([...(await table.vectorOf(3n))]);
});

it("reports the counters of hot ids in a trainer", async () => {
  const model = modelOf({ encoding: "exact", optimizer: sgd, singles: 2 });
  const spec = { ...model, tables: [{ ...model.tables[0], ...specOf() }] };
  const layout = batchLayout(spec, 4);
  const table = await createTable(spec, 0, layout);
  const batch = batchOf(layout, [{ singles: [ids[0], ids[1]] }, { singles: [ids[0], ids[2]] }]);
  for (let step = 0; step < 3; step++) {
    await table.gather(batch, "learn");
    table.gradient.fill(1);
    await table.backward();
    table.apply();
  }
  // The id of two cells has twice the gradient of the others: 1.5 a batch to their 0.75, so that it is hot after two.
  expect(table.hotness).toEqual({ promoted: 1, demoted: 0, keys: 9, hot_keys: 1 });
  expect((await createTable(spec, 0, layout, { serving: true })).hotness).toBeNull();
});
