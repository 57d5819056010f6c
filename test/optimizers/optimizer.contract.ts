import { describe, expect, it } from "vitest";
import { batchLayout } from "../../src/core/batch.js";
import type { Parameter } from "../../src/graph/layers.js";
import { DenseOptimizer } from "../../src/optimizers/dense.js";
import type { OptimizerSpec } from "../../src/spec/compiled.js";
import { StoreTable } from "../../src/tables/table.js";
import { drawWeights } from "../tables/reference.js";
import { batchOf, dice, modelOf, SEED } from "../tables/samples.js";
import { referenceOptimizer } from "./reference.js";

const f = Math.fround;

const noise = (roll: (n: number) => number, count: number, size: number): number[] =>
  Array.from({ length: count }, () => f(((roll(2001) - 1000) / 1000) * size));

/** The blocks of an optimizer as in a checkpoint. */
export const savedOf = (dense: DenseOptimizer): Map<string, { data: Uint8Array }> =>
  new Map(dense.blocks().map(({ name, data }) => [name, { data: data.slice() }]));

/** How many rows a dense parameter counts as, for optimizers that look at whole rows. */
function rowsOf(spec: OptimizerSpec, shape: readonly number[]): number {
  const byRow = spec.kind === "rowwise_adagrad" || (spec.kind === "ftrl" && spec.l21 > 0);
  return byRow && shape.length > 1 && shape[1] % 4 === 0 ? shape[0] : 1;
}

/** The contract of every optimizer, in tables and over dense weights. */
export function optimizerContract(name: string, spec: OptimizerSpec): void {
  describe(name, () => {
    it.each([[[1]], [[5]], [[3, 4]], [[2, 6]], [[4, 8]]])(
      "equals the scalar reference over dense weights %j",
      (shape) => {
        const roll = dice(shape.length);
        const size = shape.reduce((a, b) => a * b);
        const initial = Float32Array.from(noise(roll, size, 0.1));
        const dense = new DenseOptimizer(spec, [{ name: "w", shape, initial }]);
        const reference = referenceOptimizer(spec);
        const columns = size / rowsOf(spec, shape);
        const rows = Array.from({ length: size / columns }, (_, r) => {
          return reference.create([...initial.subarray(r * columns, (r + 1) * columns)]);
        });
        const weights = dense.parameters().w.data;
        expect([...weights]).toEqual(rows.flatMap((row) => reference.weights(row)));
        for (let step = 0; step < 20; step++) {
          const g = noise(roll, size, 3);
          dense.gradients().w.data.set(g);
          dense.step(1 / 3);
          reference.beginStep();
          rows.forEach((row, r) => {
            const scaled = g.slice(r * columns, (r + 1) * columns).map((x) => f(x * f(1 / 3)));
            reference.update(row, scaled);
          });
          expect([...weights]).toEqual(rows.flatMap((row) => reference.weights(row)));
        }
      },
    );

    it.each([1, 3, 4, 16])("applies the same steps to a row of a table and a dense vector of %i weights", (dim) => {
      const model = modelOf({ encoding: "exact", optimizer: spec, dim, singles: 1 });
      const layout = batchLayout(model, 1);
      const table = new StoreTable(model, 0, layout);
      const key = 77n;
      const initial = Float32Array.from(drawWeights(key, SEED, 0.05, dim));
      const dense = new DenseOptimizer(spec, [{ name: "w", shape: [dim], initial }]);
      const roll = dice(dim);
      for (let step = 0; step < 30; step++) {
        table.gather(batchOf(layout, [{ singles: [key] }]), "learn");
        expect(table.output.slice(0, dim)).toEqual(dense.parameters().w.data);
        const g = noise(roll, dim, 2);
        table.gradient.set(g);
        table.apply();
        dense.gradients().w.data.set(g);
        dense.step(1);
      }
    });

    it("leaves fresh weights unchanged for a zero gradient", () => {
      const initial = Float32Array.from([0.1, -0.2, 0, 0.3, -0.05]);
      const dense = new DenseOptimizer(spec, [{ name: "w", shape: [5], initial }]);
      const before = dense.parameters().w.data.slice();
      dense.step(1);
      expect(dense.parameters().w.data).toEqual(before);
      before.forEach((w, i) => {
        expect(w).toBeCloseTo(initial[i], 6);
      });
    });

    it("restores to the same bytes, and continues identically", () => {
      const parameters: Parameter[] = [
        { name: "a", shape: [3, 4], initial: new Float32Array(12).fill(0.1) },
        { name: "b", shape: [5], initial: new Float32Array(5) },
      ];
      const step = (dense: DenseOptimizer, seed: number): void => {
        const roll = dice(seed);
        for (const { data } of Object.values(dense.gradients())) data.set(noise(roll, data.length, 1));
        dense.step(0.5);
      };
      const [first, second] = [new DenseOptimizer(spec, parameters), new DenseOptimizer(spec, parameters)];
      for (let i = 0; i < 5; i++) step(first, i);
      second.restore(savedOf(first));
      expect(savedOf(second)).toEqual(savedOf(first));
      for (const dense of [first, second]) step(dense, 9);
      expect(savedOf(second)).toEqual(savedOf(first));
    });
  });
}
