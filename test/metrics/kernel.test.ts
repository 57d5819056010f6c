import { expect, test } from "vitest";
import { ln, sigmoid } from "../../src/metrics/kernel.js";
import fc from "../properties.js";

test("sigmoid is 1 / (1 + exp(-x)) to the last bit of an f32, within one", () => {
  fc.assert(
    fc.property(fc.float({ min: -80, max: 15, noNaN: true }), (x) => {
      const p = sigmoid(Float32Array.of(x))[0];
      const want = 1 / (1 + Math.exp(-x));
      expect(Math.abs(p - want)).toBeLessThanOrEqual(want * 2 ** -23);
    }),
  );
});

test("sigmoid stays strictly inside (0, 1); known values; NaN stays NaN", () => {
  const out = sigmoid(
    Float32Array.of(0, 1, -1, 3e38, -3e38, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN),
  );
  expect([...out.subarray(0, 3)]).toEqual([0.5, Math.fround(0.7310585786300049), Math.fround(0.2689414213699951)]);
  expect([...out.subarray(3, 7)]).toEqual([1 - 2 ** -24, 2 ** -126, 1 - 2 ** -24, 2 ** -126]);
  expect(out[7]).toBeNaN();
});

test("many logits at once equal one at a time", () => {
  const logits = Float32Array.from({ length: 200_000 }, (_, i) => (i - 100_000) / 5000);
  const together = sigmoid(logits);
  expect(together.length).toBe(200_000);
  for (let i = 0; i < logits.length; i += 997) expect(together[i]).toBe(sigmoid(logits.subarray(i, i + 1))[0]);
});

test("ln", () => {
  expect(ln(1)).toBe(0);
  expect(ln(10)).toBeCloseTo(Math.LN10, 14);
});
