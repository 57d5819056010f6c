import { describe, expect, it } from "vitest";
import { withRows } from "../../src/graph/graph.js";
import { buildTower } from "../../src/towers/tower.js";
import { towers } from "./fixtures.js";
import { evaluate } from "./reference.js";

/** One residual unit of inner width 2 over a stack of 2, worked by hand from the paper's equations. */
const feeds = {
  x_ids: [1, -2, 0.5, 0.25],
  "residual.0.inner.w": [1, -1, 0.5, 2],
  "residual.0.inner.b": [0.5, 1],
  "residual.0.outer.w": [2, 0, 1, -1],
  "residual.0.outer.b": [-1, 0.5],
  "score.w": [1, 3],
  "score.b": [0.25],
  labels: [1, 0],
  weights: [1, 2],
};

function sigmoid(z: number): number {
  return 1 / (1 + Math.exp(-z));
}

describe("deep crossing", () => {
  it("equals a manual calculation", () => {
    const tower = { ...towers.deep_crossing, residual: [2] };
    const shape = { tables: [{ name: "ids", cells: 1, dim: 2 }], numbers: 0, vectors: 0, wide: 0 };
    const { train } = buildTower(tower, shape, 1);
    const values = new Map(
      [...train.inputs, ...train.parameters].map(({ name, shape }) => [
        name,
        {
          data: Float64Array.from(feeds[name as keyof typeof feeds]),
          shape: withRows(shape, 2),
        },
      ]),
    );
    const names = ["logits", "d_x_ids", "d_residual.0.outer.w", "d_residual.0.inner.b", "d_score.w"];
    const [logits, dx, dOuter, dInnerBias, dScore] = evaluate(
      values,
      2,
      names.map((name) => train.outputs.get(name)!),
    );

    // Row 0: x = (1, -2); inner = relu(1 - 1 + .5, -1 - 4 + 1) = (.5, 0); outer = (1 - 1, .5) = (0, .5);
    //   x' = relu(1 + 0, -2 + .5) = (1, 0); logit = 1 + .25.
    // Row 1: x = (.5, .25); inner = relu(.5 + .125 + .5, -.5 + .5 + 1) = (1.125, 1); outer = (2.25 + 1 - 1, -1 + .5);
    //   x' = relu(2.75, -.25) = (2.75, 0); logit = 2.75 + .25.
    expect([...logits.data]).toEqual([1.25, 3]);
    const [d0, d1] = [sigmoid(1.25) - 1, 2 * sigmoid(3)];
    const close = (found: Float64Array, expected: number[]) => {
      expected.forEach((value, i) => {
        expect(found[i]).toBeCloseTo(value, 12);
      });
      expect(found.length).toBe(expected.length);
    };
    // d x'_0 = d (score.w[0] = 1), x'_1 is cut. d inner = d · outer.w[:, 0] = d · (2, 1); inner 1 of row 0 is cut.
    close(dScore.data, [d0 * 1 + d1 * 2.75, 0]);
    close(dOuter.data, [d0 * 0.5 + d1 * 1.125, 0, d1 * 1, 0]);
    close(dInnerBias.data, [2 * (d0 + d1), d1]);
    // d x = d (the skip) + d inner · inner.w^T: row 0 (2, 0) · w^T = (2, 1); row 1 (2, 1) · w^T = (1, 3).
    close(dx.data, [d0 + 2 * d0, 1 * d0, d1 + 1 * d1, 3 * d1]);
  });

  it("without residual units is a linear model of its inputs", () => {
    const shape = { tables: [{ name: "ids", cells: 1, dim: 2 }], numbers: 1, vectors: 0, wide: 0 };
    const { parameters } = buildTower({ ...towers.deep_crossing, residual: [] }, shape, 1);
    expect(parameters.map(({ name, shape }) => [name, shape])).toEqual([
      ["score.w", [3, 1]],
      ["score.b", [1]],
    ]);
  });
});
