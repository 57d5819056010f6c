import { describe, expect, it } from "vitest";
import { Graph } from "../../src/graph/graph.js";
import { PROBES, Probe } from "../../src/runtimes/probe.js";
import { loadRuntime, type Session, type Views } from "../../src/runtimes/runtime.js";

const graph = new Graph();
const product = graph.gemm(graph.input("x", ["B", 30]), graph.parameter("w", [30, 5]));
graph.output("y", product);
graph.output("sum", graph.reduceSum(product, [0], false));

async function session(): Promise<Session> {
  return (await loadRuntime("onnxruntime")).load(graph, { threads: 1 });
}

/** Adds a unit in the last place to one number of one output, in one run of three. */
async function flakySession(): Promise<Session> {
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

const views = (): Record<"feeds" | "fetches", Views> => ({
  feeds: {
    x: { data: Float32Array.from({ length: 17 * 30 }, (_, i) => Math.sin(i)), shape: [17, 30] },
    w: { data: Float32Array.from({ length: 150 }, (_, i) => Math.cos(i)), shape: [30, 5] },
  },
  fetches: {
    y: { data: new Float32Array(85), shape: [17, 5] },
    sum: { data: new Float32Array(5), shape: [5] },
  },
});

/** The whole comparison of two sessions. */
async function compared(a: Session, b: Session): Promise<Probe> {
  const probe = new Probe(a, b);
  const { feeds, fetches } = views();
  while (!probe.ended) await probe.run(feeds, fetches);
  return probe;
}

describe("Probe", () => {
  it("compares the times of two sessions symmetrically", async () => {
    expect((await compared(await session(), await session())).speedup).toBeGreaterThan(0);
  });

  it("reports the speedup of the second session", async () => {
    const slow: Session = {
      async run() {
        await new Promise((resolve) => setTimeout(resolve, 20));
      },
      release: async () => {},
    };
    const quick: Session = { run: async () => {}, release: async () => {} };
    expect((await compared(slow, quick)).speedup).toBeGreaterThan(1);
    expect((await compared(quick, slow)).speedup).toBeLessThan(1);
  });

  it("returns the first session's results, and stops when a single bit differs occasionally", async () => {
    const probe = new Probe(await session(), await flakySession());
    const [expected, found] = [views(), views()];
    await (await session()).run(expected.feeds, expected.fetches);
    let runs = 0;
    for (; !probe.ended; runs++) await probe.run(found.feeds, found.fetches);
    expect(found.fetches).toEqual(expected.fetches);
    expect(probe.speedup).toBe(0);
    expect(runs).toBe(3);
  });

  it("ends after its runs if all bits agree", async () => {
    const probe = new Probe(await session(), await session());
    const { feeds, fetches } = views();
    let runs = 0;
    for (; !probe.ended; runs++) await probe.run(feeds, fetches);
    expect(runs).toBe(PROBES);
  });
});
