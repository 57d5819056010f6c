import { expect, it } from "vitest";
import { Rng } from "../../src/core/rng.js";
import { KeyCounts } from "../../src/tune/profile/key-counts.js";

it("does not report up to twice as many ids per batch as there are if ids are dropped within the batch", () => {
  const counts = new KeyCounts(2048);
  const random = new Rng(1);
  const half = () => random.below(2 ** 32);
  counts.nextBatch();
  for (let row = 0; row < 4000; row++) counts.add(half(), half(), row, 0, 0.5, 4);
  expect(counts.scale).toBe(2);
  expect(counts.distinct).toBeGreaterThan(3800);
  expect(counts.batchDistinct).toBeLessThan(4200);
});
