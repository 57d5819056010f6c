import { createHash } from "node:crypto";
import { describe, expect, it, vi } from "vitest";
import { systemClock } from "../../src/core/clock.js";
import type { Graph } from "../../src/graph/graph.js";
import { type SystemReport, withoutBinaries } from "../../src/runtimes/onnxruntime.js";
import { PROBES } from "../../src/runtimes/probe.js";
import { type LoadOptions, loadRuntime, type TensorView } from "../../src/runtimes/runtime.js";
import { buildTower } from "../../src/towers/tower.js";
import { combinations, emptyFetches, manyFields, randomFeeds, resized, towers } from "../towers/fixtures.js";
import { runtimeContract } from "./contract.js";

runtimeContract("onnxruntime");

async function run(
  graph: Graph,
  feeds: Record<string, TensorView>,
  rows: number,
  options: LoadOptions = { threads: 1 },
) {
  const session = await (await loadRuntime("onnxruntime")).load(graph, options);
  const fetches = emptyFetches(graph, rows);
  const runs = options.rows === rows ? 3 * PROBES + 2 : 2; // PROBES alone, then as many beside 4 and 2 threads
  for (let i = 0; i < runs; i++) await session.run(feeds, fetches);
  await session.release();
  return Object.fromEntries(Object.entries(fetches).map(([name, { data }]) => [name, digest(data)]));
}

function digest(data: Float32Array): string {
  return createHash("sha256")
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest("hex");
}

/** The same values, 4 bytes further on: what lies on a 16-byte boundary changes. */
function shifted(feeds: Record<string, TensorView>): Record<string, TensorView> {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, { data, shape }]) => {
      const copy = new Float32Array(data.length + 1).subarray(1);
      copy.set(data);
      return [name, { data: copy, shape }];
    }),
  );
}

it("on Alpine Linux, the hint names an image with glibc: it only told of another runtime", () => {
  expect(withoutBinaries(process.report.getReport() as SystemReport)).toMatch(/^npm install @tensorflow/);
  const alpine = { header: { platform: "linux" } };
  expect(withoutBinaries(alpine)).toMatch(/^use an image with glibc, such as node:24-slim .*npm install @tensorflow/);
  expect(withoutBinaries({ header: { platform: "darwin" } })).toMatch(/^npm install @tensorflow/);
});

describe("onnxruntime", () => {
  const large = Object.entries(towers).map(([name, tower]): (typeof combinations)[number] => [
    `${name}, many fields`,
    resized(tower, { residual: [100, 64], hidden: [128, 40], bottom: [32] }),
    manyFields,
  ]);
  it.each([...combinations, ...large])(
    "%s: same bits in every session, for any alignment of the feeds",
    async (_, tower, shape) => {
      const { train, parameters } = buildTower(tower, shape, 5);
      const feeds = randomFeeds(train, parameters, 96);
      expect(await run(train, shifted(feeds), 96)).toEqual(await run(train, feeds, 96));
    },
  );

  it.each(large)(
    "%s: same bits on 1, 2, 3 and 4 threads, also for the last, shorter batch",
    async (_, tower, shape) => {
      const { train, parameters } = buildTower(tower, shape, 5);
      for (const [rows, full] of [
        [128, 128],
        [77, 128],
        [77, 77],
      ]) {
        const feeds = randomFeeds(train, parameters, rows);
        const expected = await run(train, feeds, rows);
        for (const threads of [2, 3, 4])
          expect(await run(train, feeds, rows, { threads, rows: full }), `${rows} of ${full}`).toEqual(expected);
      }
    },
  );

  it.each([
    ["PROBES batches", 0, PROBES],
    ["100 ms", 50, 2],
  ])("compares numbers of threads after %s in one thread: short runs need no second session", async (_, ms, first) => {
    const { train, parameters } = buildTower(towers.deep_crossing, manyFields, 5);
    let now = 0;
    const clock = vi.spyOn(systemClock, "now").mockImplementation(() => (now += ms));
    const feeds = randomFeeds(train, parameters, 128);
    const fetches = emptyFetches(train, 128);
    const session = await (await loadRuntime("onnxruntime")).load(train, { threads: 2, rows: 128 });
    const measured = async () => {
      clock.mockClear();
      await session.run(feeds, fetches);
      return clock.mock.calls.length / 2;
    };
    for (let i = 0; i < first; i++) expect(await measured()).toBe(1);
    expect(await measured()).toBe(2);
    clock.mockRestore();
    await session.release();
  });

  it("keeps no copies of a run's outputs for the garbage collector", async () => {
    const { train, parameters } = buildTower(towers.deep_crossing, manyFields, 5);
    const session = await (await loadRuntime("onnxruntime")).load(train, { threads: 1 });
    const feeds = randomFeeds(train, parameters, 512);
    const fetches = emptyFetches(train, 512);
    await session.run(feeds, fetches);
    const outputs = Object.values(fetches).reduce((sum, { data }) => sum + data.byteLength, 0);
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 10; i++) await session.run(feeds, fetches);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(outputs);
    await session.release();
  });

  it("does not change the calling thread's treatment of denormal numbers", async () => {
    const { infer } = buildTower(towers.wide_deep, manyFields, 5);
    await (await loadRuntime("onnxruntime")).load(infer, { threads: 1 });
    const smallest = new Float64Array([Number.MIN_VALUE]);
    expect(smallest[0] * (1 + smallest.length)).toBeGreaterThan(0);
  });
});
