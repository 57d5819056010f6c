import { describe, expect, it } from "vitest";
import { batchLayout } from "../../src/core/batch.js";
import { createEncoding, createTable } from "../../src/encodings/create.js";
import { xxh64 } from "../../src/kernels/hash.js";
import type { EncodingSpec, OptimizerSpec } from "../../src/spec/compiled.js";
import { ShardedEncoding } from "../../src/tables/sharded.js";
import { StoreEncoding } from "../../src/tables/store-encoding.js";
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
} from "../encodings/driver.js";
import { optimizerSpecs } from "../optimizers/specs.js";
import { mix } from "./reference.js";
import { batchOf, dice, modelOf, randomRows, SEED } from "./samples.js";

const ids = Array.from({ length: 200 }, (_, i) => mix(BigInt(i)));

function specOf(encoding: "hash" | "exact", optimizer: OptimizerSpec, dim = 4, rows = encoding === "hash" ? 61 : 0) {
  const seed = SEED.toString(16).padStart(16, "0");
  return { name: "ids", encoding, rows, dim, init: 0.05, optimizer, seed } as const;
}

const sharded = (spec: EncodingSpec & { encoding: "hash" | "exact" }, shards: number, options = {}) =>
  new ShardedEncoding({ ...spec, shards }, { ...OPTIONS, ...options });

describe.each(Object.entries(optimizerSpecs))("a sharded exact table with %s", (_, optimizer) => {
  it.each([1, 3, 8])("has the rows of an undivided one, bit for bit, dim %i", async (dim) => {
    const spec = specOf("exact", optimizer, dim);
    const whole = new StoreEncoding(spec, OPTIONS);
    const divided = sharded(spec, 3);
    const roll = dice(dim);
    for (let step = 0; step < 30; step++) {
      // Also batches of one key, for which the other shards have none.
      const keys = distinctKeys(ids, step % 3 === 0 ? 1 : CAPACITY, roll);
      const gradients = gradientsFor(keys.length * dim, roll);
      expect(await learn(divided, keys, gradients)).toEqual(await learn(whole, keys, gradients));
    }
    expect(divided.stores.reduce((sum, { rows }) => sum + rows, 0)).toBe(whole.store.rows);
    for (const key of ids) {
      expect(divided.vectorOf(key)).toEqual(whole.vectorOf(key));
      const state = divided.stores.map((store) => store.lookup(key)?.state).find((found) => found !== undefined);
      expect(state).toEqual(whole.store.lookup(key)?.state);
    }
    expect(await vectorsOf(divided, ids.slice(0, 30))).toEqual(await vectorsOf(whole, ids.slice(0, 30)));
  });

  it("restores to the same bytes, and continues identically", async () => {
    const [first, second] = [sharded(specOf("exact", optimizer), 4), sharded(specOf("exact", optimizer), 4)];
    const roll = dice(5);
    for (let step = 0; step < 10; step++) {
      const keys = distinctKeys(ids, CAPACITY, roll);
      await learn(first, keys, gradientsFor(keys.length * 4, roll));
    }
    second.restore(savedBlocks(first));
    expect(savedBlocks(second)).toEqual(savedBlocks(first));
    const keys = distinctKeys(ids, CAPACITY, roll);
    const gradients = gradientsFor(keys.length * 4, roll);
    expect(await learn(second, keys, gradients)).toEqual(await learn(first, keys, gradients));
    expect(savedBlocks(second)).toEqual(savedBlocks(first));
  });

  it("predicts the same bits in a replica of its rows", async () => {
    const trainer = sharded(specOf("exact", optimizer), 3);
    const replica = sharded(specOf("exact", optimizer), 3, { serving: true });
    const changes = changesOf(trainer.stores);
    const roll = dice(8);
    for (let step = 0; step < 8; step++) {
      const keys = distinctKeys(ids, CAPACITY, roll);
      await learn(trainer, keys, gradientsFor(keys.length * 4, roll));
      applyChanges(changes, replica.stores, () => new BigUint64Array());
      const asked = ids.slice(step, step + CAPACITY);
      expect(await vectorsOf(replica, asked)).toEqual(await vectorsOf(trainer, asked));
    }
  });
});

describe("a sharded table", () => {
  const { sgd } = optimizerSpecs;

  it("divides the rows of a hash table; keys share rows only within a shard", async () => {
    const table = sharded(specOf("hash", sgd), 4);
    expect(table.stores.map(({ capacity }) => capacity)).toEqual([15, 15, 15, 16]);
    const keys = ids.slice(0, CAPACITY);
    const vectors = () => Promise.all(keys.map(async (key) => [...(await table.vectorOf(key))]));
    const before = await vectors();
    await learn(table, keys, new Float32Array(keys.length * 4).fill(1));
    const place = (key: bigint): string => {
      const shard = Number(((mix(key ^ xxh64("shard", SEED)) >> 32n) * 4n) >> 32n);
      return `${shard}/${key % BigInt(table.stores[shard].capacity)}`;
    };
    const meeting = new Map<string, number>();
    for (const key of keys) meeting.set(place(key), (meeting.get(place(key)) ?? 0) + 1);
    const after = await vectors();
    keys.forEach((key, k) => {
      const step = meeting.get(place(key))! * Math.fround(0.1);
      after[k].forEach((w, i) => {
        expect(w).toBeCloseTo(before[k][i] - step, 6);
      });
    });
    expect(meeting.size).toBeLessThan(keys.length);
  });

  it.each(["f16", "int8"] as const)("resumes in %s from a checkpoint without a difference", async (precision) => {
    const spec = { ...specOf("exact", optimizerSpecs.adagrad, 8), precision };
    const [first, second] = [sharded(spec, 3), sharded(spec, 3)];
    const roll = dice(6);
    for (let step = 0; step < 20; step++) {
      const keys = distinctKeys(ids, CAPACITY, roll);
      const gradients = gradientsFor(keys.length * 8, roll);
      const expected = await learn(first, keys, gradients);
      if (step >= 10) expect(await learn(second, keys, gradients)).toEqual(expected);
      if (step === 9) second.restore(savedBlocks(first));
    }
    expect(savedBlocks(second)).toEqual(savedBlocks(first));
  });

  it("names its stores after the shards, and counts their bytes", () => {
    const table = sharded(specOf("exact", sgd), 3);
    expect(table.stores.map(({ spec }) => spec.name)).toEqual(["ids.0", "ids.1", "ids.2"]);
    expect(table.blocks().map(({ name }) => name)).toEqual([
      "table/ids.0/rows",
      "table/ids.1/rows",
      "table/ids.2/rows",
    ]);
    expect(table.bytes).toBe(table.stores.reduce((sum, { bytes }) => sum + bytes, 0));
  });

  it("reports that it is full before any shard has changed", async () => {
    const table = sharded(specOf("exact", sgd), 3, { memoryLimit: 2 ** 20 });
    const key = (i: number): bigint => mix(BigInt(i));
    let known = 0;
    const fill = async (): Promise<void> => {
      for (; ; known += CAPACITY) {
        const keys = Array.from({ length: CAPACITY }, (_, i) => key(known + i));
        await learn(table, keys, new Float32Array(CAPACITY * 4));
      }
    };
    await expect(fill()).rejects.toMatchObject({ code: "table_full", message: expect.stringContaining("ids.") });
    expect(known).toBeGreaterThan(20_000);
    expect(table.stores.reduce((sum, { rows }) => sum + rows, 0)).toBe(known);
    // Known ids are still updated.
    await learn(
      table,
      Array.from({ length: CAPACITY }, (_, i) => key(i)),
      new Float32Array(CAPACITY * 4).fill(1),
    );
  });

  it("learns a batch in all shards or in none, also if one has room for rows but not for their index", async () => {
    for (let ids = 1n; ids <= 4n; ids++) {
      const table = sharded(specOf("exact", sgd), 3, { memoryLimit: 360 << 10 });
      let known = 0;
      const fill = async (): Promise<void> => {
        for (; ; known += CAPACITY) {
          const keys = Array.from({ length: CAPACITY }, (_, i) => mix(BigInt(known + i) + (ids << 32n)));
          await learn(table, keys, new Float32Array(CAPACITY * 4));
        }
      };
      await expect(fill()).rejects.toMatchObject({ code: "table_full" });
      expect(table.stores.reduce((sum, { rows }) => sum + rows, 0)).toBe(known);
    }
  });

  it("detects a gradient that is not finite in any shard", async () => {
    const table = sharded(specOf("exact", sgd), 3);
    const keys = ids.slice(0, 9);
    for (let bad = 0; bad < 9; bad++) {
      await vectorsOf(table, keys, "learn");
      table.gradients.fill(1);
      table.backward();
      expect(table.gradientsFinite()).toBe(true);
      table.gradients[bad * 4 + 1] = Number.NaN;
      table.backward();
      expect(table.gradientsFinite()).toBe(false);
    }
  });

  it("is created for a spec with shards, for every kind of cell", async () => {
    const shape = { encoding: "exact", optimizer: optimizerSpecs.adam, singles: 2, bags: ["mean"] } as const;
    const model = modelOf(shape);
    const layout = batchLayout(model, 8);
    const divided = { ...model, tables: [{ ...model.tables[0], shards: 2 }] };
    const [whole, table] = [await createTable(model, 0, layout), await createTable(divided, 0, layout)];
    expect(table.stores.length).toBe(2);
    const roll = dice(4);
    for (let step = 0; step < 10; step++) {
      const batch = batchOf(layout, randomRows(shape, ids.slice(0, 30), 8, roll));
      const gradient = gradientsFor(8 * table.width, roll);
      for (const one of [whole, table]) {
        await one.gather(batch, "learn");
        one.gradient.set(gradient);
        await one.backward();
        one.apply();
      }
      expect(table.output).toEqual(whole.output);
    }
    const encoding = await createEncoding({ ...specOf("hash", sgd), shards: 2 }, OPTIONS);
    expect(encoding.stores.length).toBe(2);
  });
});
