import { describe, expect, it } from "vitest";
import { Graph } from "../../src/graph/graph.js";
import { speedup } from "../../src/runtimes/probe.js";
import { loadRuntime, type Session } from "../../src/runtimes/runtime.js";

const graph = new Graph();
const product = graph.gemm(graph.input("x", ["B", 30]), graph.parameter("w", [30, 5]));
graph.output("y", product);
graph.output("sum", graph.reduceSum(product, [0], false));

async function session(): Promise<Session> {
  return (await loadRuntime("onnxruntime")).load(graph, { threads: 1 });
}

/** Adds a unit in the last place to one number of one output, in one run of three. */
async function flawed(): Promise<Session> {
  const sound = await session();
  let runs = 0;
  return {
    async run(feeds, fetches) {
      await sound.run(feeds, fetches);
      const { data } = fetches.sum;
      const bits = new Uint32Array(data.buffer, data.byteOffset, data.length);
      if (++runs % 3 === 0) bits[4]++;
    },
    release: () => sound.release(),
  };
}

describe("speedup", () => {
  it("compares the times of two sessions alike", async () => {
    expect(await speedup(graph, 17, await session(), await session())).toBeGreaterThan(0);
  });

  it("is how many times as fast the second session is", async () => {
    const slow: Session = {
      async run() {
        await new Promise((resolve) => setTimeout(resolve, 20));
      },
      release: async () => {},
    };
    const quick: Session = { run: async () => {}, release: async () => {} };
    expect(await speedup(graph, 17, slow, quick)).toBeGreaterThan(1);
    expect(await speedup(graph, 17, quick, slow)).toBeLessThan(1);
  });

  it("sees a single bit that differs now and then", async () => {
    expect(await speedup(graph, 17, await session(), await flawed())).toBe(0);
  });
});
