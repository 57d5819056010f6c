import { describe, expect, it } from "vitest";
import { broadcastShape, Graph, sizeOf, timesRows, withRows } from "../../src/graph/graph.js";

describe("Graph", () => {
  it("infers shapes", () => {
    const graph = new Graph();
    const x = graph.input("x", ["B", 6]);
    const w = graph.parameter("w", [6, 4]);
    expect(graph.gemm(x, w).shape).toEqual(["B", 4]);
    expect(graph.gemm(x, x, { transA: true }).shape).toEqual([6, 6]);
    expect(graph.concat([x, graph.gemm(x, w)]).shape).toEqual(["B", 10]);
    expect(graph.matmul(graph.reshape(x, ["B", 2, 3]), graph.reshape(x, ["B", 2, 3]), { transB: true }).shape).toEqual([
      "B",
      2,
      2,
    ]);
    expect(graph.reduceSum(x, [0], false).shape).toEqual([6]);
    expect(graph.reduceSum(x, [1], true).shape).toEqual(["B", 1]);
    expect(graph.gather(graph.pad(graph.slice(x, 1, 3), 2, 0), [3]).shape).toEqual(["B", 1]);
    expect(graph.gather(graph.reshape(x, ["B", 3, 2]), [2, 0]).shape).toEqual(["B", 2, 2]);
  });

  it("rejects mismatching shapes", () => {
    const graph = new Graph();
    const x = graph.input("x", ["B", 6]);
    expect(() => graph.add(x, graph.parameter("b", [5]))).toThrow("do not broadcast");
    expect(() => graph.gemm(x, graph.parameter("w", [5, 4]))).toThrow("cannot multiply");
    expect(() => graph.reshape(x, ["B", 5])).toThrow("cannot reshape");
    expect(() => graph.slice(x, 3, 7)).toThrow("slice 3..7");
    expect(() => graph.concat([x, graph.input("t", [6, "B"])])).toThrow("batch dimension");
  });

  it("lists only what outputs depend on, inputs first", () => {
    const graph = new Graph();
    const x = graph.input("x", ["B", 2]);
    graph.relu(x);
    const y = graph.sigmoid(graph.scale(x, 3));
    graph.output("y", y);
    const live = graph.live();
    expect(live.map(({ op }) => op)).toEqual(["input", "constant", "mul", "sigmoid"]);
    for (const tensor of live)
      for (const input of tensor.inputs) expect(live.indexOf(input)).toBeLessThan(live.indexOf(tensor));
  });

  it("skips operations without an effect", () => {
    const graph = new Graph();
    const x = graph.input("x", ["B", 2]);
    expect(graph.concat([x])).toBe(x);
    expect(graph.reshape(x, ["B", 2])).toBe(x);
    expect(graph.expand(x, ["B", 2])).toBe(x);
    const column = graph.input("column", ["B", 1]);
    expect(graph.mul(graph.expand(column, ["B", 2]), x).inputs).toEqual([column, x]);
  });
});

describe("shapes", () => {
  it("broadcast like NumPy", () => {
    expect(broadcastShape(["B", 1], [4])).toEqual(["B", 4]);
    expect(broadcastShape([1, 3], ["B", 3])).toEqual(["B", 3]);
    expect(sizeOf(["B", 3], 5)).toBe(15);
    expect(withRows(["B", 3], 5)).toEqual([5, 3]);
    expect(withRows([timesRows(20), 3], 5)).toEqual([100, 3]);
    expect(timesRows(1)).toBe("B");
  });
});
