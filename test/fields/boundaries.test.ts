import { expect, test } from "vitest";
import { evenBoundaries, integerBoundaries, logBoundaries } from "../../src/fields/boundaries.js";
import { bucketOf } from "../../src/spec/keys.js";
import fc from "../properties.js";

test("log boundaries are evenly spaced within each doubling, and stop at max", () => {
  expect(logBoundaries(1, 8, 4)).toEqual([0, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8]);
  expect(logBoundaries(0.01, 0.02, 1)).toEqual([0, 0.01, 0.02]);
});

test("integer boundaries separate 0..8, then have four per doubling", () => {
  expect(integerBoundaries(20, 4)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20]);
});

test("even boundaries", () => {
  expect(evenBoundaries(60, 200)).toEqual([0, 60, 120, 180]);
  expect(evenBoundaries(60, 180)).toEqual([0, 60, 120, 180]);
});

test("boundaries ascend, negatives share bucket 0, and a bucket holds the values between its boundaries", () => {
  const shape = fc.record({
    min: fc.double({ min: 1e-3, max: 10, noNaN: true }),
    doublings: fc.nat(20),
    steps: fc.integer({ min: 1, max: 8 }),
  });
  fc.assert(
    fc.property(shape, fc.double({ min: -5, max: 1e9, noNaN: true }), ({ min, doublings, steps }, x) => {
      const boundaries = logBoundaries(min, min * 2 ** doublings, steps);
      for (let i = 1; i < boundaries.length; i++) expect(boundaries[i]).toBeGreaterThan(boundaries[i - 1]);
      const bucket = bucketOf(x, boundaries);
      expect(bucket === 0).toBe(x < 0);
      if (bucket > 0) expect(boundaries[bucket - 1]).toBeLessThanOrEqual(x);
      if (bucket < boundaries.length) expect(boundaries[bucket]).toBeGreaterThan(x);
    }),
  );
});
