import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "../../src/core/clock.js";
import { BatchSession } from "../../src/runtimes/batch-session.js";
import { PROBES } from "../../src/runtimes/probe.js";
import type { Session } from "../../src/runtimes/runtime.js";

const feeds = { x: { data: new Float32Array(4), shape: [4, 1] } };
const fetches = { y: { data: new Float32Array(4), shape: [4, 1] } };

describe("a session for batches", () => {
  let now = 0;
  beforeEach(() => {
    now = 0;
    vi.spyOn(systemClock, "now").mockImplementation(() => now);
  });
  afterEach(() => void vi.restoreAllMocks());

  /** A session whose runs with n threads take `times[n]` ms and are counted in `runs[n]`; `bits[n]` is what they give. */
  function started({
    threads = 2,
    times,
    bits = {},
  }: {
    threads?: number;
    times: number[];
    bits?: { [n: number]: number };
  }) {
    const runs = times.map(() => 0);
    const released: number[] = [];
    const session = (count: number): Session => ({
      async run(_, { y }) {
        now += times[count];
        runs[count]++;
        y.data.fill(bits[count] ?? 0.5);
      },
      release: async () => void released.push(count),
    });
    const batch = new BatchSession({ input: "x", rows: 4, threads }, session(1), session);
    /** The runs of each number of threads in the next batches. */
    const next = async (batches: number) => {
      runs.fill(0);
      for (let i = 0; i < batches; i++) await batch.run(feeds, fetches);
      return [...runs];
    };
    return { next, times, released };
  }

  it("asks again how many threads it is worth: one busy second at the start halved a trainer's rate for good", async () => {
    const { next, times } = started({ times: [0, 1, 1] });
    expect(await next(2 * PROBES)).toEqual([0, 2 * PROBES, PROBES]);
    times[2] = 0.5; // the other process has ended
    expect(await next(256)).toEqual([0, 256, 0]);
    expect(await next(8)).toEqual([0, 8, 8]);
    expect(await next(8192)).toEqual([0, 0, 8192]);
    times[2] = 2; // another one begins
    expect(await next(8)).toEqual([0, 8, 8]);
    expect(await next(1024)).toEqual([0, 1024, 0]);
    expect(await next(8)).toEqual([0, 8, 8]);
    expect(await next(2048)).toEqual([0, 2048, 0]);
  });

  it("never asks again for a number of threads that gives other bits", async () => {
    const { next, released } = started({ threads: 4, times: [0, 1, 0.6, 0, 0.1], bits: { 4: 0.25 } });
    expect(await next(PROBES + 1)).toEqual([0, PROBES + 1, 0, 0, 1]);
    expect(released).toEqual([4]);
    expect(await next(PROBES)).toEqual([0, PROBES, PROBES, 0, 0]);
    expect(await next(4096)).toEqual([0, 0, 4096, 0, 0]);
    expect(await next(8)).toEqual([0, 8, 8, 0, 0]);
    const alone = started({ times: [0, 1, 0.1], bits: { 2: 0.25 } });
    await alone.next(PROBES + 1);
    expect(await alone.next(20_000)).toEqual([0, 20_000, 0]);
  });
});
