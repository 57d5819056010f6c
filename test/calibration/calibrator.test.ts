import { describe, expect, it } from "vitest";
import { Calibrator } from "../../src/calibration/calibrator.js";
import { Batch, batchLayout } from "../../src/core/batch.js";
import type { Block } from "../../src/core/blocks.js";
import { Rng } from "../../src/core/rng.js";
import { logistic, sigmoid } from "../../src/metrics/kernel.js";
import { parseSpec } from "../../src/spec/parse.js";
import fc from "../properties.js";

const specOf = (calibration: string) =>
  parseSpec(
    `
name: c
events: { format: json }
fields: [{ name: a, type: categorical, table: t }, { name: b, type: categorical, table: t }]
tables: { t: { salt: field } }
tower: lr
${calibration}`,
    "test.yaml",
  );
const methods = ["isotonic", "platt"] as const;
const by = (method: string, more = "") => specOf(`calibration: { method: ${method}, by: b${more} }`);
const layout = batchLayout(by("isotonic"), 4096);

interface Events {
  readonly logits: Float32Array;
  readonly batch: Batch;
}

/** Events whose label is drawn at `truth(logit, slice)`; raw logits are normal around `mean`. */
function events(
  rows: number,
  rng: Rng,
  truth: (logit: number, slice: number) => number,
  slices = 3,
  mean = -2,
): Events {
  const batch = new Batch(layout, rows, new ArrayBuffer(layout.bytes));
  const logits = new Float32Array(rows);
  const keys = batch.keys(0);
  batch.weights.fill(1);
  for (let r = 0; r < rows; r++) {
    const slice = rng.below(slices);
    const normal = Array.from({ length: 12 }, () => rng.uniform()).reduce((sum, x) => sum + x, -6);
    keys.set([BigInt(rng.below(1000)), 77n + BigInt(slice)], 2 * r);
    logits[r] = mean + 1.2 * normal;
    batch.labels[r] = Number(rng.uniform() < logistic(truth(logits[r], slice)));
  }
  return { logits, batch };
}

function teach(calibrator: Calibrator, { logits, batch }: Events): Float32Array {
  const calibrated = calibrator.apply(logits, batch);
  calibrator.learn(logits, calibrated, batch);
  return calibrated;
}

const saved = (calibrator: Calibrator) => new Map(calibrator.blocks().map((block: Block) => [block.name, block]));
const bytes = (calibrator: Calibrator) =>
  calibrator.blocks().map(({ name, data }) => [name, Buffer.from(data).toString("hex")]);
const sum = (values: Float32Array) => values.reduce((all, value) => all + value, 0);

function loss(logits: Float32Array, { labels }: Batch): number {
  return sigmoid(logits).reduce((all, p, r) => all - Math.log(labels[r] > 0 ? p : 1 - p), 0) / logits.length;
}

describe.each(methods)("%s calibration", (method) => {
  it("returns scores unchanged before there are events", () => {
    const { logits, batch } = events(100, new Rng(1), (x) => x);
    expect(Calibrator.of(by(method))!.apply(logits, batch)).toEqual(logits);
  });

  it("corrects slices that are off in offset and slope, and has a curve for every value", () => {
    const truth = (x: number, slice: number) => [x - 1, 0.5 * x, x + 0.7][slice];
    const calibrator = Calibrator.of(by(method))!;
    const rng = new Rng(2);
    for (let i = 0; i < 30; i++) teach(calibrator, events(2000, rng, truth));
    const unseen = events(4000, rng, truth);
    const calibrated = calibrator.apply(unseen.logits, unseen.batch);
    expect(loss(calibrated, unseen.batch)).toBeLessThan(loss(unseen.logits, unseen.batch) - 0.02);
    const optimum = unseen.logits.map((x, r) => truth(x, Number(unseen.batch.keys(0)[2 * r + 1] - 77n)));
    expect(loss(calibrated, unseen.batch)).toBeLessThan(loss(optimum, unseen.batch) + 0.002);
    for (const { events: count, raw, calibrated: ratio } of calibrator.report()) {
      expect(count).toBeGreaterThan(10_000);
      expect(Math.abs(raw! - 1)).toBeGreaterThan(0.02);
      // The first of 30 batches was predicted uncorrected.
      expect(Math.abs(ratio! - 1)).toBeLessThan(0.1);
    }
    // A value without a slice shares the curve of all events.
    const other = events(500, rng, truth);
    for (let r = 0; r < 500; r++) other.batch.keys(0)[2 * r + 1] = 5n;
    const probabilities = sigmoid(calibrator.apply(other.logits, other.batch));
    expect(sum(probabilities) / sum(sigmoid(other.logits))).toBeGreaterThan(0.6);
  });

  it("is monotonic, and finite for every finite logit, whatever was learned", () => {
    const lists = fc.array(
      fc.record({
        logit: fc.oneof(
          fc.float({ min: -20, max: 20, noNaN: true }),
          fc.float({ noNaN: true, noDefaultInfinity: true }),
        ),
        label: fc.constantFrom(0, 1, 0.25),
        weight: fc.constantFrom(1, 1e-6, 1e6),
        slice: fc.integer({ min: 0, max: 3 }),
      }),
      { minLength: 1, maxLength: 60 },
    );
    fc.assert(
      fc.property(lists, (list) => {
        const calibrator = Calibrator.of(by(method, ", slices: 2"))!;
        const batch = new Batch(layout, list.length, new ArrayBuffer(layout.bytes));
        batch.labels.set(list.map(({ label }) => label));
        batch.weights.set(list.map(({ weight }) => weight));
        batch.keys(0).set(list.flatMap(({ slice }) => [0n, BigInt(slice)]));
        teach(calibrator, { logits: Float32Array.from(list, ({ logit }) => logit), batch });
        const grid = Float32Array.from([-1e15, -300, ...Array.from({ length: 200 }, (_, i) => -25 + i / 4), 300, 1e15]);
        for (const slice of [0n, 1n, 2n, 9n]) {
          const asked = new Batch(layout, grid.length, new ArrayBuffer(layout.bytes));
          for (let r = 0; r < grid.length; r++) asked.keys(0)[2 * r + 1] = slice;
          const calibrated = calibrator.apply(grid, asked);
          expect(calibrated.every((x, i) => Number.isFinite(x) && (i === 0 || x >= calibrated[i - 1]))).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("has the same bytes for any batch boundaries, and after being saved and restored midway", () => {
    const all = events(3000, new Rng(4), (x) => x - 0.5);
    const cut = (from: number, to: number): Events => {
      const part = new Batch(layout, to - from, new ArrayBuffer(layout.bytes));
      part.labels.set(all.batch.labels.subarray(from, to));
      part.weights.set(all.batch.weights.subarray(from, to));
      part.keys(0).set(all.batch.keys(0).subarray(2 * from, 2 * to));
      return { logits: all.logits.subarray(from, to), batch: part };
    };
    const parts = [0, 700, 701, 1500, 3000].slice(1).map((to, i) => cut([0, 700, 701, 1500][i], to));
    const straight = Calibrator.of(by(method))!;
    for (const part of parts) teach(straight, part);
    let resumed = Calibrator.of(by(method))!;
    for (const part of parts) {
      const next = Calibrator.of(by(method))!;
      next.restore(saved(resumed));
      teach(next, part);
      resumed = next;
    }
    expect(bytes(resumed)).toEqual(bytes(straight));
    expect(resumed.apply(all.logits, all.batch)).toEqual(straight.apply(all.logits, all.batch));
  });

  it("of a replica equals the trainer's bit for bit, also via another replica", () => {
    const rng = new Rng(5);
    const calibrator = Calibrator.of(by(method))!;
    for (let i = 0; i < 3; i++)
      teach(
        calibrator,
        events(1000, rng, (x, slice) => x - slice),
      );
    const [first, second] = [Calibrator.of(by(method))!, Calibrator.of(by(method))!];
    const state = calibrator.snapshot();
    expect(first.fits(state)).toBe(true);
    first.use(state);
    second.use(first.snapshot());
    const { logits, batch } = events(1000, rng, (x) => x, 5);
    for (const replica of [first, second]) {
      expect(replica.apply(logits, batch)).toEqual(calibrator.apply(logits, batch));
      expect(replica.report()).toEqual(calibrator.report());
    }
    const more = { ...state, keys: new BigUint64Array(999), lengths: new Uint32Array(1000) };
    expect([more, { ...state, values: state.values.slice(2) }].map((wrong) => first.fits(wrong))).toEqual([
      false,
      false,
    ]);
  });

  it("follows a drift: older events count less", () => {
    const calibrator = Calibrator.of(by(method, ", half_life: 1000"))!;
    const rng = new Rng(6);
    for (let i = 0; i < 20; i++)
      teach(
        calibrator,
        events(1000, rng, (x) => x + 1),
      );
    for (let i = 0; i < 20; i++)
      teach(
        calibrator,
        events(1000, rng, (x) => x - 1),
      );
    const { logits, batch } = events(4000, rng, (x) => x - 1);
    const ratio = sum(sigmoid(calibrator.apply(logits, batch))) / sum(batch.labels);
    expect(ratio).toBeGreaterThan(0.85);
    expect(ratio).toBeLessThan(1.15);
  });

  it("stays finite, and a curve of current scores, whatever remains of events long ago: scores became NaN", () => {
    const [calibrator, unaware] = [0, 1].map(() => Calibrator.of(by(method, ", half_life: 100"))!);
    const rng = new Rng(9);
    // So that the weights of the next events are subnormal numbers after 27 batches.
    const first = events(1500, rng, (x) => x);
    for (const each of [calibrator, unaware]) teach(each, first);
    const few = events(40, rng, (x) => x);
    few.logits.set(Array.from({ length: 40 }, (_, r) => (r < 20 ? -11.9 + r / 4 : 3 + (r - 20) / 4)));
    teach(calibrator, few);
    const grid = Float32Array.from({ length: 60 }, (_, i) => -15 + i / 2);
    const asked = new Batch(layout, grid.length, new ArrayBuffer(layout.bytes));
    for (let i = 0; i < 30; i++) {
      const many = events(4000, rng, (x) => x - 1, 1);
      many.logits.forEach((x, r) => {
        many.logits[r] = Math.max(-4, Math.min(1, x));
      });
      for (const each of [calibrator, unaware]) teach(each, many);
      const curve = calibrator.apply(grid, asked);
      expect(curve.every((x, at) => Number.isFinite(x) && (at === 0 || x >= curve[at - 1]))).toBe(true);
    }
    expect(calibrator.apply(grid, asked)).toEqual(unaware.apply(grid, asked));
  });
});

it("creates slices for values in the order they occur, up to the limit, with their texts", () => {
  const calibrator = Calibrator.of(by("platt", ", slices: 2"))!;
  const { logits, batch } = events(300, new Rng(7), (x) => x, 5);
  const rows = calibrator.unnamed(batch);
  expect(rows).toHaveLength(300);
  const values = [...batch.keys(0)].filter((_, i) => i % 2 === 1);
  for (const r of rows) if (values[r] !== values[0]) calibrator.name(batch, r, `value ${values[r]}`);
  teach(calibrator, { logits, batch });
  const [first, second] = [...new Set(values)];
  const report = calibrator.report();
  expect(report.map(({ slice }) => slice)).toEqual([null, first.toString(16).padStart(16, "0"), `value ${second}`]);
  expect(report.map(({ events: count }) => Math.round(count))).toEqual([
    300,
    values.filter((value) => value === first).length,
    values.filter((value) => value === second).length,
  ]);
  expect(calibrator.unnamed(batch)).toEqual([]);
});

it("names slices whose values are equal in their first characters apart: they shared a metric's label", () => {
  const calibrator = Calibrator.of(by("platt"))!;
  const { logits, batch } = events(300, new Rng(7), (x) => x, 6);
  const long = `https://example.org/${"x".repeat(60)}`;
  const texts = ["de", `${long}/a`, `${long}/b`, "not UTF-8: \ufffd", "not UTF-8: \ufffd", "(none)"];
  for (const r of calibrator.unnamed(batch)) calibrator.name(batch, r, texts[Number(batch.keys(0)[2 * r + 1] - 77n)]);
  teach(calibrator, { logits, batch });
  const names = calibrator.report().map(({ slice }) => slice);
  expect(new Set(names).size).toBe(7);
  expect(names).toContain("de");
  expect(names).toContain("(none)");
  expect(names).toContain(`${long.slice(0, 64)}… 000000000000004e`);
});

it("counts the positives of weighted events as events: with weights of 10, the gate judged slices with a tenth of its 100", () => {
  const calibrators = [1, 10].map((weight) => {
    const calibrator = Calibrator.of(by("platt"))!;
    const { logits, batch } = events(300, new Rng(7), (x) => x);
    batch.weights.fill(weight);
    teach(calibrator, { logits, batch });
    return calibrator.report();
  });
  const [light, heavy] = calibrators;
  for (const [i, { actual, positives }] of heavy.entries()) {
    expect(positives).toBeCloseTo(light[i].positives, 9);
    expect(actual).toBeCloseTo(10 * positives, 9);
    expect(light[i].actual).toBe(light[i].positives);
  }
});

it("ignores events that were learned before, and scores that are not finite", () => {
  const { logits, batch } = events(200, new Rng(8), (x) => x);
  logits[5] = Number.NaN;
  logits[6] = Number.POSITIVE_INFINITY;
  const calibrator = Calibrator.of(specOf("calibration: isotonic"))!;
  const calibrated = calibrator.apply(logits, batch);
  calibrator.learn(logits, calibrated, batch, [{ from: 100, to: 200 }]);
  expect(calibrator.report().map(({ events: count }) => Math.round(count))).toEqual([98]);
});

it("is absent if the spec has none", () => {
  expect(Calibrator.of(specOf(""))).toBeNull();
});
