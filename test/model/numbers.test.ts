import { expect, it } from "vitest";
import { Batch, batchLayout } from "../../src/core/batch.js";
import { Rng } from "../../src/core/rng.js";
import { MAX_DEVIATIONS, Numbers } from "../../src/model/numbers.js";
import { parseSpec } from "../../src/spec/parse.js";

const spec = parseSpec(
  `
name: numbers
events: { format: tsv, columns: [label, raw, scaled] }
label: { field: label }
fields:
  - { name: raw, type: numeric, missing: 7 }
  - { name: scaled, type: numeric, transform: standardize }
tower: deep_crossing
`,
  "numbers.yaml",
);
const layout = batchLayout(spec, 8);

function batch(...rows: [number, number][]): Batch {
  const made = new Batch(layout, rows.length, new ArrayBuffer(layout.bytes));
  made.numbers.set(rows.flat());
  return made;
}

const blocksOf = (numbers: Numbers) =>
  new Map(numbers.blocks().map((block) => [block.name, { ...block, data: block.data.slice() }]));

function resolved(numbers: Numbers, rows: Batch): number[] {
  numbers.resolve(rows);
  return [...numbers.values.subarray(0, rows.rows * 2)];
}

it("replaces missing values with the spec's number or the mean", () => {
  const numbers = new Numbers(spec, new Float32Array(16));
  numbers.count(batch([1, 10], [2, 20]));
  expect(resolved(numbers, batch([Number.NaN, Number.NaN], [3, 15]))).toEqual([7, 0, 3, 0]);
});

it("scales by the mean and deviation of all values so far, batch by batch", () => {
  const numbers = new Numbers(spec, new Float32Array(16));
  const values = [3, 8, -4, 100, 7, 7.5];
  numbers.count(batch([0, values[0]], [0, values[1]], [0, Number.NaN]));
  numbers.count(batch(...values.slice(2).map((x): [number, number] => [0, x])));
  const mean = values.reduce((a, b) => a + b) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length);
  expect(resolved(numbers, batch([0, 8]))[1]).toBeCloseTo((8 - mean) / deviation, 6);
});

it("limits outliers to ten deviations, and keeps constant columns at zero", () => {
  const numbers = new Numbers(spec, new Float32Array(16));
  numbers.count(batch([0, 5], [0, 5]));
  expect(resolved(numbers, batch([0, 5], [0, 1e18]))).toEqual([0, 0, 0, 0]);
  numbers.count(batch([0, 6]));
  expect(resolved(numbers, batch([0, 1e18], [0, -1e18]))).toEqual([0, MAX_DEVIATIONS, 0, -MAX_DEVIATIONS]);
});

it("continues from a restored state identically", () => {
  const [first, second] = [new Numbers(spec, new Float32Array(16)), new Numbers(spec, new Float32Array(16))];
  first.count(batch([0, 1], [0, 5]));
  second.restore(blocksOf(first));
  expect(resolved(second, batch([0, 2]))).toEqual(resolved(first, batch([0, 2])));
});

/** Counts values of the scaled column, one per batch or all together. */
function counted(values: readonly number[], together = false, of = spec): Numbers {
  const numbers = new Numbers(of, new Float32Array(16));
  const batches = together ? [values] : values.map((x) => [x]);
  for (const some of batches) {
    const made = new Batch(
      batchLayout(of, some.length),
      some.length,
      new ArrayBuffer(batchLayout(of, some.length).bytes),
    );
    made.numbers.set(some.flatMap((x) => [0, x]));
    numbers.count(made);
  }
  return numbers;
}

const deviationOf = (numbers: Numbers) => Math.sqrt(numbers.snapshot()[5] / numbers.snapshot()[3]);
const meanOf = (numbers: Numbers) => numbers.snapshot()[4];

function normal(n: number, seed: number, mean = 0): number[] {
  const rng = new Rng(seed);
  return Array.from({ length: n }, () => mean + 2 * (rng.uniform() + rng.uniform() + rng.uniform() - 1.5));
}

it.each([1, 20, 100, 500, 3000])("an outlier of a million as value %i does not distort mean and deviation", (at) => {
  const clean = normal(5000, 3);
  for (const together of [false, true]) {
    const dirty = counted(clean.with(at, 1e6), together);
    expect(deviationOf(dirty) / deviationOf(counted(clean, together))).toBeCloseTo(1, 1);
    expect(Math.abs(meanOf(dirty) - meanOf(counted(clean, together)))).toBeLessThan(0.02);
    expect(dirty.clipped).toBe(1);
  }
});

it("batches of any size give the same statistics, bit for bit", () => {
  const values = normal(1000, 4).with(7, 1e9).with(400, -1e9);
  expect(counted(values).snapshot()).toEqual(counted(values, true).snapshot());
});

it("an outlier among equal values does not distort them, and later variation is seen", () => {
  const numbers = counted([...Array.from({ length: 1000 }, () => 3), 1e6, ...normal(1000, 5, 3)]);
  expect(deviationOf(numbers)).toBeGreaterThan(0.5);
  expect(deviationOf(numbers)).toBeLessThan(2);
  expect(numbers.clipped).toBeGreaterThan(0);
});

it("follows a level that shifts", () => {
  const numbers = counted([...normal(2000, 6), ...normal(4000, 7, 1000)]);
  expect(meanOf(numbers)).toBeGreaterThan(600);
  expect(meanOf(numbers)).toBeLessThan(700);
  const plain = Math.sqrt((2 / 9) * 1e6);
  expect(deviationOf(numbers)).toBeGreaterThan(plain * 0.8);
  expect(deviationOf(numbers)).toBeLessThan(plain * 1.2);
});

it("with a half-life, forgets the earlier level", () => {
  const halving = parseSpec(
    `
name: numbers
events: { format: tsv, columns: [label, raw, scaled] }
label: { field: label }
fields:
  - { name: raw, type: numeric }
  - { name: scaled, type: numeric, transform: standardize, half_life: 500 }
tower: deep_crossing
`,
    "numbers.yaml",
  );
  const numbers = counted([...normal(2000, 6), ...normal(10_000, 7, 1000)], false, halving);
  expect(Math.abs(meanOf(numbers) - 1000)).toBeLessThan(1);
  expect(deviationOf(numbers)).toBeLessThan(1.5);
});

it("continues from an old checkpoint, which has only the statistics", () => {
  const numbers = new Numbers(spec, new Float32Array(16));
  numbers.restore(new Map([...blocksOf(counted(normal(50, 8)))].filter(([name]) => name === "numbers/statistics")));
  numbers.count(batch([0, 1e6]));
  expect(deviationOf(numbers)).toBeLessThan(3);
  expect(numbers.snapshot()[3]).toBe(51);
});
