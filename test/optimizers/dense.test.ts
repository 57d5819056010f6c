import { describe, expect, it } from "vitest";
import { DenseOptimizer } from "../../src/optimizers/dense.js";
import { savedOf } from "./optimizer.contract.js";
import { optimizerSpecs } from "./specs.js";

const parameters = [
  { name: "a.w", shape: [2, 3], initial: Float32Array.from([1, 2, 3, 4, 5, 6]) },
  { name: "a.b", shape: [3], initial: Float32Array.from([7, 8, 9]) },
];

describe("dense weights", () => {
  it("are views with the parameters' names, shapes and values", () => {
    const dense = new DenseOptimizer(optimizerSpecs.sgd, parameters);
    const views = dense.parameters();
    expect(Object.keys(views)).toEqual(["a.w", "a.b"]);
    for (const { name, shape, initial } of parameters) expect(views[name]).toEqual({ shape, data: initial });
    expect(dense.gradients()["a.w"].data).toEqual(new Float32Array(6));
  });

  it("are updated in place by the scaled gradient", () => {
    const dense = new DenseOptimizer(optimizerSpecs.sgd, parameters);
    const views = dense.parameters();
    dense.gradients()["a.b"].data.set([4, 0, -4]);
    dense.step(0.25);
    const rate = Math.fround(0.1);
    expect([...views["a.b"].data]).toEqual([Math.fround(7 - rate), 8, Math.fround(9 + rate)]);
    expect([...views["a.w"].data]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("detect gradients that are not finite or too large to square", () => {
    const dense = new DenseOptimizer(optimizerSpecs.adam, parameters);
    expect(dense.gradientsFinite()).toBe(true);
    for (const { data } of Object.values(dense.gradients())) {
      for (let i = 0; i < data.length; i++) {
        for (const bad of [Number.NaN, Number.NEGATIVE_INFINITY, -2e15]) {
          data[i] = bad;
          expect(dense.gradientsFinite()).toBe(false);
        }
        data[i] = 0;
      }
    }
    expect(dense.gradientsFinite()).toBe(true);
  });

  it("are checked for finiteness by the sum of squares with the same result as one by one", () => {
    const dense = new DenseOptimizer(optimizerSpecs.adam, parameters);
    const { data } = dense.gradients()["a.w"];
    for (const g of [
      0,
      1,
      1e14,
      3.1e14,
      3.2e14,
      1e15,
      1.0001e15,
      1e16,
      1e20,
      3e38,
      Number.NaN,
      Number.NEGATIVE_INFINITY,
    ]) {
      for (let i = 0; i < data.length; i++) {
        data.fill(0.5);
        data[i] = g;
        expect(dense.gradientsFinite(dense.gradientSquares()), `${g} at ${i}`).toBe(dense.gradientsFinite());
        expect(dense.gradientsFinite()).toBe(Math.abs(data[i]) <= Math.fround(1e15));
      }
    }
  });

  it("reject a checkpoint with a missing block or another size, and stay unchanged", () => {
    const dense = new DenseOptimizer(optimizerSpecs.adam, parameters);
    dense.gradients()["a.w"].data.fill(1);
    dense.step(1);
    const saved = savedOf(dense);
    expect([...saved.keys()]).toContain("dense/powers");
    for (const name of saved.keys()) {
      const other = new Map([...saved].map(([key, { data }]) => [key, { data: data.map((x) => x ^ 1) }]));
      other.delete(name);
      expect(() => dense.restore(other)).toThrow(expect.objectContaining({ code: "checkpoint_damaged" }));
      other.set(name, { data: new Uint8Array(4) });
      expect(() => dense.restore(other)).toThrow(expect.objectContaining({ code: "checkpoint_damaged" }));
    }
    expect(savedOf(dense)).toEqual(saved);
  });
});
