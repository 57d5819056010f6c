import { expect, it } from "vitest";
import { Batch, batchLayout } from "../../src/core/batch.js";
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

function resolved(numbers: Numbers, rows: Batch): number[] {
  numbers.resolve(rows);
  return [...numbers.values.subarray(0, rows.rows * 2)];
}

it("replaces missing values: by the spec's number, or by the mean", () => {
  const numbers = new Numbers(spec, new Float32Array(16));
  numbers.count(batch([1, 10], [2, 20]));
  expect(resolved(numbers, batch([Number.NaN, Number.NaN], [3, 15]))).toEqual([7, 0, 3, 0]);
});

it("scales by the mean and deviation of all values counted, batch after batch", () => {
  const numbers = new Numbers(spec, new Float32Array(16));
  const values = [3, 8, -4, 100, 7, 7.5];
  numbers.count(batch([0, values[0]], [0, values[1]], [0, Number.NaN]));
  numbers.count(batch(...values.slice(2).map((x): [number, number] => [0, x])));
  const mean = values.reduce((a, b) => a + b) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length);
  expect(resolved(numbers, batch([0, 8]))[1]).toBeCloseTo((8 - mean) / deviation, 6);
});

it("keeps freak values within ten deviations, and constant columns at zero", () => {
  const numbers = new Numbers(spec, new Float32Array(16));
  numbers.count(batch([0, 5], [0, 5]));
  expect(resolved(numbers, batch([0, 5], [0, 1e18]))).toEqual([0, 0, 0, 0]);
  numbers.count(batch([0, 6]));
  expect(resolved(numbers, batch([0, 1e18], [0, -1e18]))).toEqual([0, MAX_DEVIATIONS, 0, -MAX_DEVIATIONS]);
});

it("goes on from a restored state as if it had never stopped", () => {
  const [first, second] = [new Numbers(spec, new Float32Array(16)), new Numbers(spec, new Float32Array(16))];
  first.count(batch([0, 1], [0, 5]));
  second.restore(first.block().data.slice());
  expect(resolved(second, batch([0, 2]))).toEqual(resolved(first, batch([0, 2])));
});
