import { describe, expect, it } from "vitest";
import { batchLayout } from "../../src/core/batch.js";
import { EventModel } from "../../src/model/event-model.js";
import type { AdmissionSpec, CompiledSpec } from "../../src/spec/compiled.js";
import { StoreTable } from "../../src/tables/table.js";
import { optimizerSpecs } from "../optimizers/specs.js";
import { DEFAULT_KEY, ExactCounts } from "./lifecycle-reference.js";
import { mix } from "./reference.js";
import { batchOf, dice, modelOf, type Row, randomRows, type TableShape } from "./samples.js";
import { copyOf } from "./table.contract.js";

const { sgd, ftrl } = optimizerSpecs;
const CAPACITY = 32;
/** Examples each table has learned. */
const clocks = new WeakMap<StoreTable, number>();
/** A filter large enough never to fill in these tests. */
const largeFilter = (occurrence_threshold: number) => ({ occurrence_threshold, filter_capacity: 1 << 20 });

function tableWith(admission: AdmissionSpec, shape: Partial<TableShape> = {}, capacity = CAPACITY) {
  const full: TableShape = {
    encoding: "exact",
    optimizer: sgd,
    singles: 1,
    ...shape,
    life: { admission, ...shape.life },
  };
  const model = modelOf(full);
  const layout = batchLayout(model, capacity);
  const table = new StoreTable(model, 0, layout);
  const plain = new StoreTable(modelOf({ ...full, life: {} }), 0, layout);
  return { shape: full, layout, table, plain };
}

function learn(
  table: StoreTable,
  layout: ReturnType<typeof batchLayout>,
  rows: readonly Row[],
  gradient = 0.25,
): Float32Array {
  // Any advancing clock will do.
  const clock = { time: 0, examples: (clocks.get(table) ?? 0) + rows.length };
  clocks.set(table, clock.examples);
  table.gather(batchOf(layout, rows), "learn", undefined, clock);
  const x = table.output.slice(0, rows.length * table.width);
  table.gradient.fill(gradient);
  table.apply();
  return x;
}

const singles = (keys: readonly bigint[]): Row[] => keys.map((key) => ({ singles: [key] }));
/** Ids with a heavy head. */
const zipf = (roll: (n: number) => number, ids: number): bigint =>
  mix(BigInt(Math.floor(ids * (roll(1e6) / 1e6) ** 3)));

/** Equivalent input of a table without admission: the default row's key for every occurrence that is not admitted. */
function admitted(rows: readonly Row[], admits: (key: bigint) => boolean): Row[] {
  const change = (key: bigint) => (admits(key) ? key : DEFAULT_KEY);
  // The order of occurrences: singles row by row, then bag by bag.
  const firsts = rows.map((row) => row.singles?.map(change) ?? []);
  const bags = (rows[0]?.bags ?? []).map((_, b) =>
    rows.map((row) => row.bags![b].map((item) => ({ ...item, key: change(item.key) }))),
  );
  return rows.map((row, r) => ({ ...row, singles: firsts[r], bags: bags.map((bag) => bag[r]) }));
}

describe("admission by occurrences", () => {
  it.each([2, 3, 15, 16, 40])("admits an id exactly at occurrence %i", (threshold) => {
    const { layout, shape, table, plain } = tableWith(largeFilter(threshold), { singles: 2, bags: ["sum", "mean"] });
    const counts = new ExactCounts();
    const known = new Set<bigint>();
    const roll = dice(threshold);
    const keys = Array.from({ length: 200 }, (_, i) => mix(BigInt(i)));
    for (let step = 0; step < 150; step++) {
      const rows = randomRows(shape, keys, CAPACITY, (n) =>
        n === keys.length ? Math.floor(n * (roll(1e6) / 1e6) ** 3) : roll(n),
      );
      const mapped = admitted(rows, (key) => {
        if (!known.has(key) && counts.add(key) >= threshold) known.add(key);
        return known.has(key);
      });
      expect(learn(table, layout, rows)).toEqual(learn(plain, layout, mapped));
    }
    for (const key of keys) {
      expect(table.lookup(key)?.weights).toEqual(known.has(key) ? plain.lookup(key)?.weights : undefined);
      expect([...table.store.weightsOf(key)]).toEqual([...plain.store.weightsOf(known.has(key) ? key : DEFAULT_KEY)]);
    }
    expect(known.size).toBeGreaterThan(20);
    expect(table.store.lifecycle?.counts()).toMatchObject({ admitted: known.size, readmitted: 0 });
    expect(table.stats().rows).toBe(plain.stats().rows);
  });

  it("supports the largest threshold", () => {
    const { layout, table } = tableWith(largeFilter(65535), {}, 4096);
    const key = mix(1n);
    let seen = 0;
    const see = (times: number) => {
      learn(table, layout, singles(Array<bigint>(times).fill(key)));
      seen += times;
    };
    while (seen + 4096 < 65535) see(4096);
    see(65534 - seen);
    expect(table.lookup(key)).toBeNull();
    see(1);
    expect(table.lookup(key)).not.toBeNull();
    expect(table.store.lifecycle?.counts()).toMatchObject({ admitted: 1, refused: 65534 });
  });

  it("has no false negatives among the latest occurrences, however full the filter is", () => {
    for (const [threshold, filter_capacity] of [
      [2, 64],
      [3, 1024],
      [5, 4096],
    ]) {
      const { layout, table } = tableWith({ occurrence_threshold: threshold, filter_capacity }, {}, 64);
      // The filter remembers at least this many of the latest occurrences of unknown ids.
      const window = filter_capacity / 4;
      const latest: bigint[] = [];
      const roll = dice(threshold);
      let late = 0;
      let admittedIds = 0;
      for (let step = 0; step < 2000; step++) {
        const keys = [...new Set(Array.from({ length: 32 }, () => zipf(roll, 50_000)))];
        const unknown = keys.filter((key) => !table.lookup(key));
        learn(table, layout, singles(keys));
        for (const key of unknown) {
          latest.push(key);
          const now = table.lookup(key) !== null;
          const due = latest.slice(-window).filter((seen) => seen === key).length >= threshold;
          late += Number(due && !now);
          admittedIds += Number(now);
        }
        latest.splice(0, Math.max(0, latest.length - window));
      }
      expect(late).toBe(0);
      expect(admittedIds).toBeGreaterThan(50);
    }
  });

  it("estimates how many were admitted too early", () => {
    for (const [ids, filter_capacity] of [
      [20_000, 4096],
      [60_000, 1024],
      [200_000, 65_536],
    ]) {
      const { layout, table } = tableWith({ occurrence_threshold: 2, filter_capacity }, {}, 64);
      // Every id occurs once, so every admission is false.
      for (let at = 0; at < ids; at += 64) {
        learn(table, layout, singles(Array.from({ length: 64 }, (_, i) => mix(BigInt(at + i)))));
      }
      const { admitted: falsely, falsely_admitted, refused } = table.store.lifecycle!.counts();
      expect(falsely).toBeGreaterThan(0);
      expect(falsely / refused).toBeLessThan(0.03);
      expect(Math.abs(falsely_admitted - falsely)).toBeLessThan(5 * Math.sqrt(falsely) + 5);
    }
  });

  it("forgets old occurrences", () => {
    const { layout, table } = tableWith({ occurrence_threshold: 2, filter_capacity: 1024 }, {}, 64);
    const key = mix(7n);
    learn(table, layout, singles([key]));
    for (let at = 0; at < 1024; at += 64) {
      learn(table, layout, singles(Array.from({ length: 64 }, (_, i) => mix(BigInt(100_000 + at + i)))));
    }
    learn(table, layout, singles([key]));
    expect(table.lookup(key)).toBeNull();
    learn(table, layout, singles([key]));
    expect(table.lookup(key)).not.toBeNull();
  });

  it("treats a real id with the default row's key as the default row", () => {
    const { layout, table, plain } = tableWith(largeFilter(2), { singles: 2 });
    const rows = [{ singles: [1n, DEFAULT_KEY] }, { singles: [DEFAULT_KEY, 2n] }];
    for (let i = 0; i < 2; i++) {
      const mapped = i === 0 ? rows.map(() => ({ singles: [DEFAULT_KEY, DEFAULT_KEY] })) : rows;
      expect(learn(table, layout, rows)).toEqual(learn(plain, layout, mapped));
    }
    expect(table.lookup(DEFAULT_KEY)?.weights).toEqual(plain.lookup(DEFAULT_KEY)?.weights);
    expect(table.stats().rows).toBe(3);
  });

  it("scores unknown ids with their initial weights before there is a default row, without changing state", () => {
    const { layout, table, plain } = tableWith({ occurrence_threshold: 2, filter_capacity: 64 });
    const rows = singles([1n, 2n]);
    const before = copyOf(table.blocks());
    for (const each of [table, plain]) each.gather(batchOf(layout, rows), "score");
    expect(table.output.slice(0, 8)).toEqual(plain.output.slice(0, 8));
    expect(copyOf(table.blocks())).toEqual(before);
  });

  it("a replica of the rows gives unknown ids the default row's weights", () => {
    const { shape, layout, table } = tableWith(largeFilter(2));
    const replica = new StoreTable(modelOf(shape), 0, layout, { serving: true });
    const changes = table.store.changes();
    const keys = Array.from({ length: 20 }, (_, i) => mix(BigInt(i)));
    learn(table, layout, singles(keys));
    learn(table, layout, singles(keys.slice(0, 5)));
    replica.store.put(table.store.weightsOfRows(changes.take()));
    for (const each of [table, replica]) each.gather(batchOf(layout, singles(keys)), "score");
    expect(replica.output.slice(0, 80)).toEqual(table.output.slice(0, 80));
    expect(replica.stats().rows).toBe(6);
  });

  it("resumes from a saved state to the same bytes", () => {
    const life = { budget: 9000, eviction: { policy: "lru" } } as const;
    for (const admission of [{ occurrence_threshold: 2, filter_capacity: 1024 }, { admit_probability: 0.2 }]) {
      const make = () => tableWith(admission, { life: { ...life, admission } });
      const [first, second] = [make(), make()];
      const roll = dice(1);
      const batches = Array.from({ length: 400 }, () =>
        singles(Array.from({ length: CAPACITY }, () => zipf(roll, 5000))),
      );
      for (const rows of batches.slice(0, 200)) learn(first.table, first.layout, rows);
      second.table.restore(copyOf(first.table.blocks()));
      clocks.set(second.table, clocks.get(first.table)!);
      for (const rows of batches.slice(200)) {
        for (const { table, layout } of [first, second]) learn(table, layout, rows);
      }
      expect(copyOf(second.table.blocks())).toEqual(copyOf(first.table.blocks()));
      expect(second.table.lookup(DEFAULT_KEY)).not.toBeNull();
      expect(second.table.store.lifecycle!.counts().evicted.capacity).toBeGreaterThan(0);
    }
  });
});

describe("admission by chance", () => {
  it.each([0.01, 0.3, 0.9])("admits an occurrence with probability %f, the same in every run", (admit_probability) => {
    const [first, second] = [tableWith({ admit_probability }), tableWith({ admit_probability })];
    const ids = 6400;
    for (let at = 0; at < ids; at += CAPACITY) {
      const rows = singles(Array.from({ length: CAPACITY }, (_, i) => mix(BigInt(at + i))));
      for (const { table, layout } of [first, second]) learn(table, layout, rows);
    }
    const { admitted: got, refused } = first.table.store.lifecycle!.counts();
    expect(got + refused).toBe(ids);
    expect(Math.abs(got - ids * admit_probability)).toBeLessThan(
      4 * Math.sqrt(ids * admit_probability * (1 - admit_probability)),
    );
    expect(first.table.stats().rows).toBe(got + 1);
    expect(copyOf(second.table.blocks())).toEqual(copyOf(first.table.blocks()));
  });

  it("decides for every occurrence, and an admitted id keeps its row also within the batch", () => {
    const { layout, table } = tableWith({ admit_probability: 0.1 }, { singles: 1 }, 64);
    let admittedIds = 0;
    for (let i = 0; i < 300; i++) {
      const before = table.stats().rows;
      learn(table, layout, singles(Array<bigint>(20).fill(mix(BigInt(i)))));
      admittedIds += Number(table.lookup(mix(BigInt(i))) !== null);
      expect(table.stats().rows - before).toBeLessThanOrEqual(2);
    }
    const { admitted: got, refused } = table.store.lifecycle!.counts();
    expect(got).toBe(admittedIds);
    // 1 - 0.9^20 = 0.878.
    expect(Math.abs(admittedIds - 300 * 0.878)).toBeLessThan(4 * Math.sqrt(300 * 0.878 * 0.122));
    expect(refused).toBeLessThan(300 * 20 - got);
  });
});

describe.each(["lr", "fm"] as const)("%s, which learns event by event", (kind) => {
  it.each([2, 4])("equals a model that receives the default row's key instead, threshold %i", async (threshold) => {
    const shape = {
      encoding: "exact",
      optimizer: ftrl,
      singles: 3,
      bags: ["sum"],
      dim: kind === "fm" ? 4 : 1,
    } as const;
    const specOf = (life: TableShape["life"]): CompiledSpec => {
      const spec = modelOf({ ...shape, ...(life && { life }) });
      return { ...spec, tower: { ...spec.tower, kind } as CompiledSpec["tower"] };
    };
    const layout = batchLayout(specOf({}), CAPACITY);
    const model = new EventModel(specOf({ admission: largeFilter(threshold) }), { layout });
    const plain = new EventModel(specOf({}), { layout });
    const roll = dice(threshold);
    const keys = Array.from({ length: 120 }, (_, i) => mix(BigInt(i)));
    const counts = new ExactCounts();
    const known = new Set<bigint>();
    const admit = (key: bigint): bigint => {
      if (!known.has(key) && counts.add(key) >= threshold) known.add(key);
      return known.has(key) ? key : DEFAULT_KEY;
    };
    for (let step = 0; step < 60; step++) {
      const rows = randomRows(shape, keys, CAPACITY, roll);
      // Event by event: an event's singles, then its bag.
      const mapped = rows.map((row) => ({
        singles: row.singles!.map(admit),
        bags: row.bags!.map((bag) => bag.map((item) => ({ ...item, key: admit(item.key) }))),
      }));
      const [batch, same] = [batchOf(layout, rows), batchOf(layout, mapped)];
      for (const each of [batch, same]) {
        each.weights.fill(1);
        each.labels.forEach((_, i, labels) => {
          labels[i] = (step + i) % 3 === 0 ? 1 : 0;
        });
      }
      const logits = (await model.learn(batch)).logits.slice();
      expect([...logits]).toEqual([...(await plain.learn(same)).logits]);
      const scored = rows.map((row) => ({
        singles: row.singles!.map((key) => (known.has(key) ? key : DEFAULT_KEY)),
        bags: row.bags!.map((bag) =>
          bag.map((item) => ({ ...item, key: known.has(item.key) ? item.key : DEFAULT_KEY })),
        ),
      }));
      const found = (await model.predict(batchOf(layout, rows))).slice();
      expect([...found]).toEqual([...(await plain.predict(batchOf(layout, scored)))]);
    }
    expect(model.tables[0].store.lifecycle?.counts().admitted).toBe(known.size);
    expect(model.tables[0].stats().rows).toBe(plain.tables[0].stats().rows);
  });

  it("stays within its budget, and resumes to the same bytes", async () => {
    const shape = { encoding: "exact", optimizer: ftrl, singles: 3, dim: kind === "fm" ? 4 : 1 } as const;
    const life = {
      budget: 30_000,
      admission: { occurrence_threshold: 2, filter_capacity: 2048 },
      eviction: { policy: "lfu" },
    } as const;
    const spec = modelOf({ ...shape, life });
    const events = { ...spec, tower: { ...spec.tower, kind } as CompiledSpec["tower"] };
    const layout = batchLayout(events, CAPACITY);
    const [model, other] = [new EventModel(events, { layout }), new EventModel(events, { layout })];
    const roll = dice(3);
    const batches = Array.from({ length: 400 }, () => {
      const batch = batchOf(
        layout,
        Array.from({ length: CAPACITY }, () => ({ singles: [0, 1, 2].map(() => zipf(roll, 4000)) })),
      );
      batch.weights.fill(1);
      return batch;
    });
    const { bytes } = model.tables[0].stats();
    expect(bytes).toBeLessThanOrEqual(30_000);
    for (const batch of batches.slice(0, 200)) await model.learn(batch);
    other.restore(new Map(model.blocks().map((block) => [block.name, { ...block, data: block.data.slice() }])));
    for (const batch of batches.slice(200)) for (const each of [model, other]) await each.learn(batch);
    const copy = (each: EventModel) => each.blocks().map(({ name, data }) => [name, Buffer.from(data).toString("hex")]);
    expect(copy(other)).toEqual(copy(model));
    expect(model.tables[0].stats()).toMatchObject({ rows: model.tables[0].stats().capacity, bytes });
    expect(model.tables[0].store.lifecycle!.counts().evicted.capacity).toBeGreaterThan(100);
  });
});
