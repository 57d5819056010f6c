import { describe, expect, it } from "vitest";
import { Graph, sizeOf, withRows } from "../../src/graph/graph.js";
import { loadRuntime, type Runtime, type TensorView } from "../../src/runtimes/runtime.js";
import { buildTower } from "../../src/towers/tower.js";
import { combinations, emptyFetches, randomFeeds } from "../towers/fixtures.js";
import { evaluate } from "../towers/reference.js";

/** What every runtime must do: the double-precision interpreter is the oracle. */
export function runtimeContract(name: Runtime["name"]): void {
  describe(`runtime ${name}`, () => {
    it.each(combinations)("%s: train and infer equal the reference to 1e-4", async (_, tower, shape) => {
      const { train, infer, parameters } = buildTower(tower, shape, 5);
      for (const graph of [train, infer]) {
        const feeds = randomFeeds(graph, parameters, 6);
        const fetches = await runOnce(name, graph, feeds, 6);
        for (const [output, expected] of Object.entries(reference(graph, feeds, 6))) {
          expectClose(fetches[output].data, expected, output);
        }
      }
    });

    it("runs every operation", async () => {
      const graph = new Graph();
      const x = graph.input("x", ["B", 4]);
      const column = graph.input("column", ["B", 1]);
      graph.output("expand", graph.expand(column, ["B", 3]));
      graph.output("reduced", graph.reduceSum(graph.reshape(x, ["B", 2, 2]), [0, 2], true));
      graph.output("middle", graph.reduceSum(graph.reshape(x, ["B", 2, 2]), [1], false));
      graph.output("rows", graph.reshape(graph.relu(graph.reshape(x, ["2B", 2])), ["B", 4]));
      graph.output("padded", graph.pad(graph.reshape(x, ["B", 2, 2]), 1, 2));
      graph.output("sliced", graph.slice(graph.reshape(x, ["B", 4, 1]), 1, 3));
      graph.output("gathered", graph.gather(x, [3, 1]));
      graph.output("product", graph.gemm(x, x, { transA: true }));
      const cube = graph.reshape(x, ["B", 2, 2]);
      graph.output("gathered vectors", graph.gather(cube, [1, 0, 1]));
      graph.output("turned", graph.matmul(cube, cube, { transA: true, transB: true }));
      const positive = graph.add(graph.mul(x, x), graph.constant([1], [0.5]));
      graph.output("root", graph.sqrt(positive));
      graph.output("quotient", graph.div(x, positive));
      graph.output("mish", graph.mish(graph.scale(x, 8)));
      graph.output("x again", x);
      graph.output("expand again", graph.outputs.get("expand")!);
      const feeds = randomFeeds(graph, [], 5);
      const fetches = await runOnce(name, graph, feeds, 5);
      for (const [output, expected] of Object.entries(reference(graph, feeds, 5))) {
        expectClose(fetches[output].data, expected, output);
      }
    });

    it("accepts another batch size in every run, and writes in place", async () => {
      const graph = new Graph();
      graph.output("y", graph.scale(graph.input("x", ["B", 2]), 2));
      const session = await (await loadRuntime(name)).load(graph, { threads: 1 });
      const memory = new WebAssembly.Memory({ initial: 1 });
      for (const rows of [3, 1, 4, 4]) {
        const x = { data: new Float32Array(memory.buffer, 64, rows * 2).fill(rows), shape: [rows, 2] };
        const y = { data: new Float32Array(memory.buffer, 1024, rows * 2).fill(0), shape: [rows, 2] };
        await session.run({ x }, { y });
        expect([...new Float32Array(memory.buffer, 1024, rows * 2)]).toEqual(new Array(rows * 2).fill(2 * rows));
      }
      await session.release();
    });

    it("follows a memory that has grown", async () => {
      const graph = new Graph();
      graph.output("y", graph.scale(graph.input("x", ["B", 1]), 3));
      const session = await (await loadRuntime(name)).load(graph, { threads: 1 });
      const memory = new WebAssembly.Memory({ initial: 1, maximum: 4 });
      for (const value of [5, 6, 7]) {
        const view = (offset: number) => ({ data: new Float32Array(memory.buffer, offset, 1), shape: [1, 1] });
        const [x, y] = [view(0), view(256)];
        x.data[0] = value;
        await session.run({ x }, { y });
        expect(new Float32Array(memory.buffer, 256, 1)[0]).toBe(3 * value);
        memory.grow(1);
      }
      await session.release();
    });

    it("rejects a missing feed, an unknown output and a wrong shape", async () => {
      const graph = new Graph();
      const sum = graph.add(graph.input("a", ["B", 2]), graph.input("b", ["B", 2]));
      graph.output("y", sum);
      const session = await (await loadRuntime(name)).load(graph, { threads: 1 });
      const view = (columns = 2): TensorView => ({ data: new Float32Array(columns), shape: [1, columns] });
      await expect(session.run({ a: view() }, { y: view() })).rejects.toThrow(/b/);
      await expect(session.run({ a: view(), b: view() }, { z: view() })).rejects.toThrow(/z/);
      await expect(session.run({ a: view(3), b: view() }, { y: view(3) })).rejects.toThrow();
      await session.run({ a: view(), b: view() }, { y: view() });
      await session.release();
    });
  });
}

async function runOnce(name: Runtime["name"], graph: Graph, feeds: Record<string, TensorView>, rows: number) {
  const session = await (await loadRuntime(name)).load(graph, { threads: 1 });
  const fetches = emptyFetches(graph, rows);
  await session.run(feeds, fetches);
  await session.release();
  return fetches;
}

function reference(graph: Graph, feeds: Record<string, TensorView>, rows: number): Record<string, Float64Array> {
  const values = new Map(
    Object.entries(feeds).map(([name, { data, shape }]) => [name, { shape, data: Float64Array.from(data) }]),
  );
  const outputs = [...graph.outputs];
  const found = evaluate(
    values,
    rows,
    outputs.map(([, tensor]) => tensor),
  );
  return Object.fromEntries(
    outputs.map(([name, tensor], i) => {
      expect(found[i].shape).toEqual(withRows(tensor.shape, rows));
      expect(found[i].data.length).toBe(sizeOf(tensor.shape, rows));
      return [name, found[i].data];
    }),
  );
}

/** Within 1e-4 of the tensor's largest value: f32 sums of some hundred terms are off by about 1e-6 of it. */
function expectClose(found: Float32Array, expected: Float64Array, name: string): void {
  const scale = Math.max(1e-3, ...expected.map(Math.abs));
  expected.forEach((value, i) => {
    expect(Math.abs(found[i] - value) / scale, `${name}[${i}]`).toBeLessThan(1e-4);
  });
}
