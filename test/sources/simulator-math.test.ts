import { describe, expect, it } from "vitest";
import { cumulative, Draws, exp, mix, sigmoid, triangle, zipf } from "../../src/sources/simulator/math.js";
import fc from "../properties.js";

describe("arithmetic without libm", () => {
  it("exp is e^x", () => {
    fc.assert(
      fc.property(fc.double({ min: -40, max: 40, noNaN: true }), (x) => {
        expect(Math.abs(exp(x) / Math.exp(x) - 1)).toBeLessThan(1e-13);
      }),
    );
    expect(exp(0)).toBe(1);
  });

  it("sigmoid is symmetric", () => {
    expect(sigmoid(0)).toBe(0.5);
    expect(sigmoid(2) + sigmoid(-2)).toBeCloseTo(1, 14);
    expect(sigmoid(Math.log(3))).toBeCloseTo(0.75, 14);
  });

  it("triangle goes from 1 to -1 and back once in a period, for any sign", () => {
    expect([0, 0.25, 0.5, 0.75, 1, -0.25, 7.5].map(triangle)).toEqual([1, 0, -1, 0, 1, 0, -1]);
  });
});

describe("zipf", () => {
  it("keeps ranks in range", () => {
    const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(
        unit,
        fc.integer({ min: 1, max: 1e7 }),
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 4 }),
        (u, n, shift, halvings) => {
          const rank = zipf(u, n, shift, halvings);
          expect(rank).toBeGreaterThanOrEqual(0);
          expect(rank).toBeLessThan(n);
          expect(Number.isInteger(rank)).toBe(true);
        },
      ),
    );
  });

  it("gives rank r its share of the integral of (x + shift)^-s", () => {
    const [n, shift, halvings] = [1000, 4, 3];
    const power = 1 / 2 ** halvings;
    const below = (rank: number) =>
      ((rank + shift) ** power - shift ** power) / ((n + shift) ** power - shift ** power);
    const draws = 100_000;
    const counts = new Float64Array(n);
    for (let i = 0; i < draws; i++) counts[zipf((i + 0.5) / draws, n, shift, halvings)]++;
    for (const rank of [0, 1, 10, 100, 999]) {
      expect(Math.abs(counts[rank] / draws - (below(rank + 1) - below(rank)))).toBeLessThan(2 / draws);
    }
  });
});

describe("draws", () => {
  it("depend only on seed and index, not on earlier draws", () => {
    const draws = new Draws();
    const first = [draws.of(1, 7).uniform(), draws.uniform()];
    draws.of(1, 8).uniform();
    expect([draws.of(1, 7).uniform(), draws.uniform()]).toEqual(first);
    expect(draws.of(2, 7).uniform()).not.toBe(first[0]);
  });

  it("are uniform, and normal with mean 0 and deviation 1", () => {
    const draws = new Draws();
    const buckets = new Float64Array(16);
    let [sum, squares] = [0, 0];
    const n = 100_000;
    for (let i = 0; i < n; i++) {
      buckets[draws.of(5, i).below(16)]++;
      const x = draws.normal();
      sum += x;
      squares += x * x;
    }
    const chiSquare = buckets.reduce((total, count) => total + (count - n / 16) ** 2 / (n / 16), 0);
    expect(chiSquare).toBeLessThan(45); // 15 degrees of freedom: P(> 45) < 1e-4
    expect(Math.abs(sum / n)).toBeLessThan(4 / Math.sqrt(n));
    expect(Math.abs(squares / n - 1)).toBeLessThan(0.02);
  });

  it("pick by weight", () => {
    const shares = cumulative([1, 0, 3]);
    expect([...shares]).toEqual([0.25, 0.25, 1]);
    const draws = new Draws();
    const counts = [0, 0, 0];
    for (let i = 0; i < 10_000; i++) counts[draws.of(9, i).pick(shares)]++;
    expect(counts[1]).toBe(0);
    expect(Math.abs(counts[0] - 2500)).toBeLessThan(200);
  });
});

describe("mix", () => {
  it("flips about half of the output bits when one input bit is flipped", () => {
    let flipped = 0;
    for (let i = 0; i < 1000; i++) {
      for (let bit = 0; bit < 32; bit++) flipped += bits(mix(3, i) ^ mix(3, i ^ (1 << bit)));
    }
    expect(flipped / 32_000).toBeGreaterThan(15.5);
    expect(flipped / 32_000).toBeLessThan(16.5);
  });
});

function bits(x: number): number {
  let count = 0;
  for (let rest = x >>> 0; rest !== 0; rest = Math.floor(rest / 2)) count += rest % 2;
  return count;
}
