import { expect, test } from "vitest";
import { Rng } from "../../src/core/rng.js";
import { ProgressiveMetrics } from "../../src/metrics/progressive.js";

test.each([3000, 200_000])(
  "a calibration plot of %i scores has equal bins whose means are those of the rows in them",
  (rows) => {
    const rng = new Rng(4);
    const logits = Float32Array.from({ length: rows }, () => 4 * (rng.uniform() + rng.uniform() - 1.2));
    const labels = logits.map((x) => Number(rng.uniform() < 1 / (1 + Math.exp(-x))));
    const metrics = new ProgressiveMetrics({ window: 10_000 });
    for (let i = 0; i < rows; i += 5000) {
      const part = [logits, labels].map((column) => column.subarray(i, i + 5000));
      metrics.add(part[0], part[1], new Float32Array(part[0].length).fill(1));
    }
    const points = metrics.reliability(10);
    const order = Array.from(logits.keys()).sort((a, b) => logits[a] - logits[b]);
    expect(points.length).toBe(10);
    points.forEach(({ predicted, actual, examples }, i) => {
      const inside = order.slice((i * rows) / 10, ((i + 1) * rows) / 10);
      const mean = (value: (row: number) => number) => inside.reduce((sum, row) => sum + value(row), 0) / inside.length;
      expect(Math.abs(examples - rows / 10)).toBeLessThan(rows / 500);
      expect(predicted).toBeCloseTo(
        mean((row) => 1 / (1 + Math.exp(-logits[row]))),
        2,
      );
      expect(Math.abs(actual - mean((row) => labels[row]))).toBeLessThan(0.01);
    });
  },
);
