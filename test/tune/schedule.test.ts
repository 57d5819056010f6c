import { expect, it } from "vitest";
import { schedule, trainedEvents } from "../../src/tune/schedule.js";

it("eliminates at whole rounds, fewer and fewer continue, and one is left to be judged on the last fifth", () => {
  const { events, round, rungs } = schedule(24, 400_000, 512);
  expect(rungs.map(({ keep }) => keep)).toEqual([12, 8, 4, 3, 2, 2, 1]);
  for (const [i, rung] of rungs.entries()) {
    expect(rung.events % round).toBe(0);
    expect(rung.events).toBeGreaterThan(rungs[i - 1]?.events ?? 8_191);
  }
  expect(rungs.at(-1)!.events / events).toBeCloseTo(0.8, 2);
});

it("compares all candidates on all events if nothing is to be eliminated", () => {
  const { rungs } = schedule(5, 10_000, 128, false);
  expect(rungs.map(({ keep }) => keep)).toEqual([5]);
});

it("counts the events that the reference and the candidates learned, by how many continued", () => {
  const rungs = [
    { events: 10, keep: 4 },
    { events: 50, keep: 1 },
  ];
  // The reference, ten candidates for ten events, three for forty, one for fifty.
  expect(trainedEvents({ events: 100, rungs }, 10, [3, 1])).toBe(100 + 100 + 120 + 50);
  // Without knowing: one more than the best ones may continue until the last rung.
  expect(trainedEvents({ events: 100, rungs }, 10)).toBe(100 + 100 + 200 + 50);
});

it("refuses a stream that is too short", () => {
  expect(() => schedule(4, 1_000, 128)).toThrow(/too few to compare models/);
});

it("says so if a batch has as many events as there are, instead of a TypeError at the end", () => {
  expect(() => schedule(4, 5_000, 5_000)).toThrow(/are one batch/);
  const { rungs } = schedule(4, 5_000, 4_999);
  expect(rungs.at(-1)!.events).toBe(4_999);
});
