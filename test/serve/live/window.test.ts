import { expect, test } from "vitest";
import { SECONDS, TrafficWindow } from "../../../src/serve/live/window.js";

test("responses are counted by second, and dropped after ten minutes", () => {
  let now = 5_000_000;
  const window = new TrafficWindow({ now: () => now });
  for (const [status, ms] of [
    [200, 1],
    [200, 2],
    [503, 100],
  ] as const)
    window.answered(status, ms, 5);
  window.scored([0.5, 0.5, 1e-9, 1 - 1e-9, 0, 1]);
  now += 2000;
  window.answered(200, 0.01, 1);
  const { seconds, requests, errors, candidates, p50_ms, p99_ms, scores } = window.traffic();
  expect([seconds.length, seconds.at(0), seconds.at(-1)]).toEqual([SECONDS, 1 - SECONDS, 0]);
  expect([requests.slice(-3), errors.slice(-3), candidates.slice(-3)]).toEqual([
    [3, 0, 1],
    [1, 0, 0],
    [15, 0, 1],
  ]);
  expect(p50_ms.at(-3)).toBeGreaterThanOrEqual(2);
  expect(p50_ms.at(-3)).toBeLessThan(2.5);
  expect(p99_ms.at(-3)).toBeGreaterThanOrEqual(100);
  expect(p99_ms.at(-3)).toBeLessThan(125);
  expect([p50_ms.at(-2), p50_ms.at(-1)]).toEqual([null, 0.1]);
  expect(scores.counts.filter((count) => count > 0)).toEqual([2, 2, 2]);
  expect(scores.logits[scores.counts.indexOf(2, 20)]).toBeCloseTo(0.25, 10);

  now += 1000 * (SECONDS - 2);
  expect(window.traffic().requests.reduce((a, b) => a + b)).toBe(1);
  now += 1000 * SECONDS;
  expect(window.traffic().requests.every((count) => count === 0)).toBe(true);
});
