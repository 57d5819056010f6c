import { describe, expect, it } from "vitest";
import { Rng } from "../../src/core/rng.js";
import { SampleSizes } from "../../src/gate/sample.js";
import { kinds } from "../../src/gate/signals.js";

const WINDOWS = 1000;
const ROWS = 500;

/** A window's rate of positives and predicted ÷ actual, with the variances that the gate expects. */
function windowOf(rng: Rng, weightOf: (positive: boolean) => number, rate: number) {
  const sizes = new SampleSizes();
  const labels = Float32Array.from({ length: ROWS }, () => Number(rng.uniform() < rate));
  const weights = Float32Array.from(labels, (label) => weightOf(label === 1));
  sizes.add({ labels, weights, rows: ROWS });
  const weight = weights.reduce((sum, w) => sum + w, 0);
  const positive = weights.reduce((sum, w, r) => sum + w * labels[r], 0);
  return { weight, positive, share: positive / weight, sample: sizes.of({ weight, positive }) };
}

const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;
const variance = (values: readonly number[]) => mean(values.map((x) => (x - mean(values)) ** 2));

describe("the sample size behind weighted sums", () => {
  it("is the number of events if all weigh the same, whatever that weight is", () => {
    for (const w of [1, 10, 0.125]) {
      const { sample } = windowOf(new Rng(1), () => w, 0.2);
      expect(sample.events).toBe(ROWS);
      expect(sample.positives + sample.negatives).toBe(ROWS);
    }
  });

  it("is the sums themselves without weights, and finite without one class", () => {
    expect(new SampleSizes().of({ weight: 100, positive: 7 })).toEqual({ events: 100, positives: 7, negatives: 93 });
    const { sample } = windowOf(new Rng(2), () => 4, 0);
    expect(sample).toEqual({ events: ROWS, positives: 0, negatives: ROWS });
  });

  it.each<[string, (rng: Rng) => (positive: boolean) => number]>([
    ["equal weights above 1", () => () => 8],
    ["weights from 0 to 40", (rng) => () => 40 * rng.uniform() ** 4],
    ["sampled negatives, with the inverse of their share", () => (positive) => (positive ? 1 : 20)],
    ["weighty positives", (rng) => (positive) => (positive ? 1 + 30 * rng.uniform() ** 2 : 1)],
  ])("gives variances as simulated windows have them: %s", (_, weights) => {
    const rng = new Rng(7);
    const windows = Array.from({ length: WINDOWS }, () => windowOf(rng, weights(rng), 0.3));
    const share = mean(windows.map((one) => one.share));
    const expected = mean(windows.map(({ sample }) => kinds.label_rate.variance(share, sample.events)));
    const found = variance(windows.map((one) => one.share));
    expect(found / expected).toBeGreaterThan(0.85);
    expect(found / expected).toBeLessThan(1.15);
    // The weight of positives, whose number is drawn: that of a Poisson distribution, if they are rare.
    const rare = Array.from({ length: WINDOWS }, () => windowOf(rng, weights(rng), 0.04));
    const positive = mean(rare.map((one) => one.positive));
    const relative = variance(rare.map((one) => one.positive)) / positive ** 2;
    const poisson = kinds.calibration.variance(1, mean(rare.map(({ sample }) => sample.positives)));
    expect(relative / poisson).toBeGreaterThan(0.8);
    expect(relative / poisson).toBeLessThan(1.15);
  });
});
