import { describe, expect, it } from "vitest";
import { Rng } from "../../src/core/rng.js";
import { gradients } from "../../src/graph/differentiate.js";
import { Graph, type Shape, type Tensor, withRows } from "../../src/graph/graph.js";
import { evaluate } from "../towers/reference.js";
import { checkGradients, randomValue } from "./gradient-check.js";

const ROWS = 3;

interface Case {
  readonly inputs: readonly Shape[];
  readonly build: (graph: Graph, x: Tensor[]) => Tensor;
}

const cases: Record<string, Case> = {
  add: {
    inputs: [
      ["B", 4],
      ["B", 4],
    ],
    build: (g, [a, b]) => g.add(a, b),
  },
  "add of a row": { inputs: [["B", 4], [4]], build: (g, [a, b]) => g.add(a, b) },
  "add of a column": {
    inputs: [
      ["B", 1],
      ["B", 4],
    ],
    build: (g, [a, b]) => g.add(a, b),
  },
  sub: {
    inputs: [
      ["B", 4],
      ["B", 4],
    ],
    build: (g, [a, b]) => g.sub(a, b),
  },
  "sub of a row": {
    inputs: [
      ["B", 4],
      [1, 4],
    ],
    build: (g, [a, b]) => g.sub(a, b),
  },
  mul: {
    inputs: [
      ["B", 4],
      ["B", 4],
    ],
    build: (g, [a, b]) => g.mul(a, b),
  },
  "mul by a row": { inputs: [[4], ["B", 4]], build: (g, [a, b]) => g.mul(a, b) },
  "mul by a column": {
    inputs: [
      ["B", 4],
      ["B", 1],
    ],
    build: (g, [a, b]) => g.mul(a, b),
  },
  "mul by itself": { inputs: [["B", 4]], build: (g, [a]) => g.mul(a, a) },
  scale: { inputs: [["B", 4]], build: (g, [a]) => g.scale(a, -2.5) },
  div: {
    inputs: [
      ["B", 4],
      ["B", 4],
    ],
    build: (g, [a, b]) => g.div(a, positive(g, b)),
  },
  "div by a row": {
    inputs: [
      ["B", 4],
      [1, 4],
    ],
    build: (g, [a, b]) => g.div(a, positive(g, b)),
  },
  "div of a row": { inputs: [[4], ["B", 4]], build: (g, [a, b]) => g.div(a, positive(g, b)) },
  sqrt: { inputs: [["B", 5]], build: (g, [a]) => g.sqrt(positive(g, a)) },
  mish: { inputs: [["B", 5]], build: (g, [a]) => g.mish(g.scale(a, 4)) },
  relu: { inputs: [["B", 5]], build: (g, [a]) => g.relu(a) },
  reluGradient: {
    inputs: [
      ["B", 5],
      ["B", 5],
    ],
    build: (g, [a, d]) => g.add(a, g.reluGradient(g.relu(a), d)),
  },
  sigmoid: { inputs: [["B", 5]], build: (g, [a]) => g.sigmoid(a) },
  gemm: {
    inputs: [
      ["B", 4],
      [4, 5],
    ],
    build: (g, [a, b]) => g.gemm(a, b),
  },
  "gemm with bias": { inputs: [["B", 4], [4, 5], [5]], build: (g, [a, b, bias]) => g.gemm(a, b, { bias }) },
  "gemm transA": {
    inputs: [
      ["B", 4],
      ["B", 5],
    ],
    build: (g, [a, b]) => g.gemm(a, b, { transA: true }),
  },
  "gemm transB": {
    inputs: [
      ["B", 4],
      [5, 4],
    ],
    build: (g, [a, b]) => g.gemm(a, b, { transB: true }),
  },
  "gemm transA transB": {
    inputs: [
      ["B", 4],
      [5, "B"],
    ],
    build: (g, [a, b]) => g.gemm(a, b, { transA: true, transB: true }),
  },
  matmul: {
    inputs: [
      ["B", 2, 4],
      ["B", 4, 3],
    ],
    build: (g, [a, b]) => g.matmul(a, b),
  },
  "matmul transA": {
    inputs: [
      ["B", 4, 2],
      ["B", 4, 3],
    ],
    build: (g, [a, b]) => g.matmul(a, b, { transA: true }),
  },
  "matmul transB": {
    inputs: [
      ["B", 2, 4],
      ["B", 3, 4],
    ],
    build: (g, [a, b]) => g.matmul(a, b, { transB: true }),
  },
  "matmul transA transB": {
    inputs: [
      ["B", 4, 2],
      ["B", 3, 4],
    ],
    build: (g, [a, b]) => g.matmul(a, b, { transA: true, transB: true }),
  },
  "matmul with itself": { inputs: [["B", 3, 4]], build: (g, [a]) => g.matmul(a, a, { transB: true }) },
  concat: {
    inputs: [
      ["B", 2],
      ["B", 1],
      ["B", 3],
    ],
    build: (g, x) => g.concat(x),
  },
  "concat 3-D": {
    inputs: [
      ["B", 2, 3],
      ["B", 1, 3],
    ],
    build: (g, x) => g.concat(x),
  },
  slice: { inputs: [["B", 6]], build: (g, [a]) => g.slice(a, 2, 5) },
  pad: { inputs: [["B", 3]], build: (g, [a]) => g.pad(a, 2, 1) },
  gather: { inputs: [["B", 6]], build: (g, [a]) => g.gather(a, [5, 0, 3]) },
  "gather of vectors": { inputs: [["B", 4, 2]], build: (g, [a]) => g.gather(a, [3, 0]) },
  "gather of repeated columns": { inputs: [["B", 4]], build: (g, [a]) => g.gather(a, [2, 0, 2, 2, 0]) },
  "gather of all columns, one repeated": { inputs: [["B", 2, 2]], build: (g, [a]) => g.gather(a, [1, 0, 1]) },
  "gather of all columns": { inputs: [["B", 4, 2]], build: (g, [a]) => g.gather(a, [3, 0, 1, 2]) },
  reshape: { inputs: [["B", 6]], build: (g, [a]) => g.reshape(a, ["B", 2, 3]) },
  "reshape to more rows": {
    inputs: [["B", 6], [3, 4], [4]],
    build: (g, [a, w, bias]) => g.reshape(g.gemm(g.reshape(a, ["2B", 3]), w, { bias }), ["B", 2, 4]),
  },
  expand: { inputs: [["B", 1]], build: (g, [a]) => g.expand(a, ["B", 4]) },
  "reduceSum over the batch": { inputs: [["B", 4]], build: (g, [a]) => g.reduceSum(a, [0], false) },
  "reduceSum over columns, kept": { inputs: [["B", 4]], build: (g, [a]) => g.reduceSum(a, [1], true) },
  "reduceSum over the middle": { inputs: [["B", 4, 2]], build: (g, [a]) => g.reduceSum(a, [1], false) },
  "one tensor used twice": { inputs: [["B", 4]], build: (g, [a]) => g.add(g.mul(a, g.sigmoid(a)), g.relu(a)) },
};

/** 0.5 + x², far from where a root or a quotient has no gradient. */
function positive(graph: Graph, x: Tensor): Tensor {
  return graph.add(graph.mul(x, x), graph.constant([1], [0.5]));
}

describe("gradients", () => {
  it.each(Object.entries(cases))("%s equals finite differences", (_, { inputs, build }) => {
    const graph = new Graph();
    const x = inputs.map((shape, i) => graph.input(`x${i}`, shape));
    const y = build(graph, x);
    const seed = graph.input("seed", y.shape);
    const found = gradients(graph, [[y, seed]], x);
    const rng = new Rng(3);
    const all = [...x, seed];
    const feeds = new Map(all.map(({ name, shape }) => [name, randomValue(rng, withRows(shape, ROWS))]));
    const objective = () => {
      const [value] = evaluate(feeds, ROWS, [y]);
      return value.data.reduce((sum, v, i) => sum + v * feeds.get("seed")!.data[i], 0);
    };
    found.forEach((d, i) => {
      expect(d.shape).toEqual(x[i].shape);
    });
    checkGradients(
      feeds,
      ROWS,
      objective,
      x.map(({ name }, i) => ({ name, gradient: found[i] })),
    );
  });

  it("adds nothing to the live graph for inputs without a requested gradient", () => {
    const graph = new Graph();
    const [x, numbers] = [graph.input("x", ["B", 3]), graph.input("numbers", ["B", 2])];
    const w = graph.parameter("w", [5, 1]);
    const y = graph.gemm(graph.concat([x, numbers]), w);
    const [dw] = gradients(graph, [[y, y]], [w]);
    graph.output("dw", dw);
    expect(graph.live().map(({ op }) => op)).not.toContain("slice");
  });

  it("rejects a tensor that the outputs do not depend on", () => {
    const graph = new Graph();
    const [x, other] = [graph.input("x", ["B", 3]), graph.input("other", ["B", 3])];
    expect(() => gradients(graph, [[x, x]], [other])).toThrow("do not depend on tensor");
  });
});
