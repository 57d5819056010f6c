import { describe, expect, it } from "vitest";
import { Batch, batchLayout } from "../../src/core/batch.js";
import { Rng } from "../../src/core/rng.js";
import { ProgressiveMetrics } from "../../src/metrics/progressive.js";
import { createModel } from "../../src/model/create.js";
import { EventModel } from "../../src/model/event-model.js";
import { StreamClock } from "../../src/model/stream-clock.js";
import type { CompiledSpec } from "../../src/spec/compiled.js";
import { parseSpec } from "../../src/spec/parse.js";

const standardized = parseSpec(
  `
name: outlier
events: { format: tsv, columns: [label, x] }
label: { field: label }
fields:
  - { name: x, type: numeric, transform: standardize, table: weights }
tables: { weights: { encoding: exact } }
tower: lr
`,
  "outlier.yaml",
);

/** AUC of a stream whose label depends on a number, which is corrupted in some rows. */
async function aucOf(corrupted: Readonly<Record<number, number>>): Promise<{ auc: number; clipped: number }> {
  const layout = batchLayout(standardized, 100);
  const model = new EventModel(standardized, { layout });
  const metrics = new ProgressiveMetrics({ window: 1e6 });
  const rng = new Rng(11);
  for (let row = 0; row < 20_000; row += 100) {
    const batch = new Batch(layout, 100, new ArrayBuffer(layout.bytes));
    batch.weights.fill(1);
    for (let i = 0; i < 100; i++) {
      const x = 4 * (rng.uniform() + rng.uniform() + rng.uniform() - 1.5);
      batch.labels[i] = rng.uniform() < 1 / (1 + Math.exp(-x)) ? 1 : 0;
      batch.numbers[i] = corrupted[row + i] ?? 50 + 3 * x;
    }
    const { logits } = await model.learn(batch);
    metrics.add(logits, batch.labels, batch.weights);
  }
  return { auc: metrics.lifetime().auc ?? 0, clipped: model.clipped.numbers };
}

describe("one record does not distort the statistics of a whole stream", () => {
  it("an outlier of a million in a standardized field does not change AUC", async () => {
    const { auc } = await aucOf({});
    expect(auc).toBeGreaterThan(0.75);
    for (const at of [0, 17, 250, 6000]) {
      const corrupted = await aucOf({ [at]: 1e6 });
      expect(Math.abs(corrupted.auc - auc)).toBeLessThan(0.005);
      expect(corrupted.clipped).toBeGreaterThan(0);
    }
  });
});

/** The label depends on a number and an id; the number has its natural size. */
function rawSpec(tower: string, number: string, rest = ""): CompiledSpec {
  return parseSpec(
    `
name: huge
events: { format: tsv, columns: [label, id, x] }
label: { field: label }
fields:
  - { name: id, type: categorical, table: weights }
  - { name: x, type: numeric${number} }
tables: { weights: { encoding: exact, dim: ${tower === "lr" ? 1 : 4} } }
tower: ${tower}
train: { batch: 64 }
${rest}`,
    "huge.yaml",
  );
}

async function aucWith(spec: CompiledSpec, change: Readonly<Record<number, { x?: number; weight?: number }>>) {
  const layout = batchLayout(spec, 64);
  const model = await createModel(spec, { layout, threads: 1, purpose: "train" });
  const metrics = new ProgressiveMetrics({ window: 1e6 });
  const rng = new Rng(11);
  for (let row = 0; row < 12_800; row += 64) {
    const batch = new Batch(layout, 64, new ArrayBuffer(layout.bytes));
    batch.weights.fill(1);
    for (let i = 0; i < 64; i++) {
      const x = 2 * (rng.uniform() + rng.uniform() + rng.uniform() - 1.5);
      const id = rng.below(20);
      batch.labels[i] = rng.uniform() < 1 / (1 + Math.exp(-x - (id - 10) / 5)) ? 1 : 0;
      batch.keys(0)[i] = BigInt(id + 1);
      batch.numbers[i] = change[row + i]?.x ?? x;
      batch.weights[i] = change[row + i]?.weight ?? 1;
    }
    const { logits } = await model.learn(batch);
    // The score of the record itself is not checked.
    metrics.add(
      logits,
      batch.labels,
      batch.weights.map((_, i) => (change[row + i] ? 1e-6 : 1)),
    );
  }
  await model.close();
  return metrics.lifetime().auc ?? 0;
}

describe.each([
  ["lr", rawSpec("lr", ", table: weights")],
  ["fm", rawSpec("fm", ", table: weights")],
  ["deep_crossing", rawSpec("deep_crossing", "")],
  ["deep_crossing with a wide number", rawSpec("deep_crossing", "", "wide: { fields: [id, x] }")],
])("%s", (_, spec) => {
  it.each([{ x: 1e6 }, { x: -1e18 }, { weight: 1e6 }])("one record of %o does not change AUC", async (record) => {
    const clean = await aucWith(spec, {});
    expect(clean).toBeGreaterThan(0.7);
    for (const at of [1, 100, 3000]) {
      const auc = await aucWith(spec, { [at]: record });

      expect(Math.abs(auc - clean)).toBeLessThan(0.01);
    }
  });
});

const expiring = parseSpec(
  `
name: clock
events: { format: tsv, columns: [label, time, id] }
label: { field: label, time: time }
fields:
  - { name: id, type: categorical, table: ids }
tables: { ids: { encoding: exact, eviction: { expire_time: 1d } } }
tower: deep_crossing
`,
  "clock.yaml",
);
const NOON = 1.7e12;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

function batchOf(times: readonly number[]): Batch {
  const layout = batchLayout(expiring, times.length);
  const batch = new Batch(layout, times.length, new ArrayBuffer(layout.bytes));
  batch.times.set(times);
  return batch;
}

/** The clock after batches of event times. */
function clockAfter(batches: readonly (readonly number[])[], clock = new StreamClock(expiring)): StreamClock {
  for (const times of batches) clock.count(batchOf(times));
  return clock;
}

const timeOf = (clock: StreamClock) => clock.before(batchOf([0])).time;
const steady = (n: number, from = NOON, every = 1000) => Array.from({ length: n }, (_, i) => from + i * every);

describe("the stream's clock", () => {
  it("does not follow one event time a thousand times too large, for any batch size", () => {
    for (const size of [1, 3, 64, 512]) {
      const times = steady(2048).with(700, NOON * 1000);
      const batches = Array.from({ length: Math.ceil(2048 / size) }, (_, b) => times.slice(b * size, (b + 1) * size));
      const clock = clockAfter(batches);
      expect(timeOf(clock)).toBeGreaterThan(NOON);
      expect(timeOf(clock)).toBeLessThanOrEqual(times.at(-1)!);
      expect(clock.clipped).toBe(1);
    }
  });

  it("does not begin with a wrong event time", () => {
    const clock = clockAfter([[NOON * 1000], ...steady(10).map((time) => [time])]);
    expect(timeOf(clock)).toBeLessThan(NOON + DAY);
    expect(timeOf(clock)).toBeGreaterThanOrEqual(NOON);
  });

  it("follows a stream: never backwards, and hardly behind", () => {
    const clock = new StreamClock(expiring);
    let last = 0;
    for (const time of steady(500, NOON, 10 * 60_000)) {
      clock.count(batchOf([time]));
      expect(timeOf(clock)).toBeGreaterThanOrEqual(last);
      last = timeOf(clock);
      if (time > NOON + DAY) expect(time - last).toBeLessThan(6 * HOUR);
    }
  });

  it("crosses a gap of a month within a few batches, and years of sparse batches", () => {
    const gap = clockAfter([
      steady(512),
      ...Array.from({ length: 6 }, (_, b) => steady(512, NOON + 30 * DAY + b * HOUR)),
    ]);
    expect(timeOf(gap)).toBeGreaterThan(NOON + 30 * DAY);
    const sparse = clockAfter(Array.from({ length: 200 }, (_, b) => steady(100, NOON + b * 10 * DAY)));
    expect(timeOf(sparse)).toBeGreaterThan(NOON + 198 * 10 * DAY);
  });

  it("is moved by a day by a batch of only wrong times", () => {
    const clock = clockAfter([steady(512), steady(512, NOON * 1000), steady(512, NOON + HOUR)]);
    expect(timeOf(clock) - NOON).toBeLessThan(1.1 * DAY);
    expect(clock.clipped).toBe(512);
  });

  it("is the same after a checkpoint, and continues from an old one", () => {
    const clock = clockAfter([steady(40), steady(30, NOON + HOUR)]);
    const copy = new StreamClock(expiring);
    copy.restore(new Map(clock.blocks().map((block) => [block.name, { ...block, data: block.data.slice() }])));
    for (const of of [clock, copy]) clockAfter([steady(10, NOON + 2 * HOUR)], of);
    expect(copy.blocks()).toEqual(clock.blocks());
    const old = new StreamClock(expiring);
    const data = new Uint8Array(Float64Array.of(NOON, 1000).buffer);
    old.restore(new Map([["model/clock", { name: "model/clock", dtype: "F64", shape: [2], data }]]));
    expect(old.before(batchOf([NOON * 1000]))).toEqual({ time: NOON, examples: 1000 });
  });
});
