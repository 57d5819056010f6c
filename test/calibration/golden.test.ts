import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { poolAdjacentViolators } from "../../src/calibration/isotonic.js";
import { platt } from "../../src/calibration/platt.js";
import type { Point } from "../../src/calibration/slice.js";

interface Golden {
  readonly isotonic: readonly { values: number[]; weights: number[]; fitted: number[] }[];
  readonly platt: readonly { points: Point[]; free: [number, number]; prior: [number, number] }[];
}

/** Computed by scikit-learn and scipy: test/fixtures/calibration/golden.py. */
const golden: Golden = JSON.parse(readFileSync("test/fixtures/calibration/golden.json", "utf8"));

describe("calibration equals scikit-learn's", () => {
  it.each(golden.isotonic.map((one) => [one.values.length, one] as const))(
    "isotonic regression of %i weighted values",
    (_, { values, weights, fitted }) => {
      const pools = poolAdjacentViolators(values, weights);
      const found = pools.flatMap(({ from, to, value }) => Array.from({ length: to - from }, () => value));
      found.forEach((value, i) => {
        expect(value).toBeCloseTo(fitted[i], 12);
      });
      expect(found).toHaveLength(fitted.length);
    },
  );

  it.each(golden.platt.map((one) => [one.points.length, one] as const))(
    "Platt scaling of %i cells, without and with a prior",
    (_, { points, free, prior }) => {
      const [a, b] = platt(points, new Float32Array(0), 0);
      expect([a / free[0], b - free[1]]).toEqual([expect.closeTo(1, 5), expect.closeTo(0, 5)]);
      const [c, d] = platt(points, new Float32Array(0));
      expect([c / prior[0], d - prior[1]]).toEqual([expect.closeTo(1, 5), expect.closeTo(0, 5)]);
    },
  );
});
