import { describe, expect, it } from "vitest";
import { Rng } from "../../src/core/rng.js";
import { OrderedScores } from "../../src/metrics/ordered-scores.js";
import { ScoreTotals } from "../../src/metrics/score-totals.js";
import { exactAuc } from "./exact.js";

const normal = (rng: Rng) => Math.sqrt(-2 * Math.log(1 - rng.uniform())) * Math.cos(2 * Math.PI * rng.uniform());

/** Scores, and how much one unit of them tells of the label. */
const shapes: Record<string, [draw: (rng: Rng) => number, slope: number]> = {
  "within a hundredth of a logit, as of rare clicks": [(rng) => -5.5 + 0.01 * rng.uniform(), 100],
  "around zero": [(rng) => 1e-6 * normal(rng), 1e6],
  wide: [(rng) => 4 * normal(rng), 0.3],
  "in decades": [(rng) => -(10 ** (8 * rng.uniform() - 6)), 0.01],
  tied: [(rng) => Math.floor(5 * rng.uniform()) - 2, 0.5],
  "zeros of both signs": [(rng) => (rng.uniform() < 0.5 ? 0 : -0), 1],
};

describe.each(Object.entries(shapes))("scores %s", (_, [draw, slope]) => {
  const rng = new Rng(5);
  const scores = Float32Array.from({ length: 60_000 }, () => draw(rng));
  const labels = scores.map((x) => Number(rng.uniform() < 1 / (1 + Math.exp(-slope * (x - scores[0])))));
  const weights = scores.map((_, i) => 1 + (i % 3));
  const counted = (from: number, to: number) => {
    const found = new OrderedScores();
    for (let i = from; i < to; i++) found.add(scores[i], weights[i] * (1 - labels[i]), weights[i] * labels[i]);
    return found;
  };
  const exact = (to: number) => exactAuc(scores.subarray(0, to), labels, weights);

  it("had an AUC of 0.5 where they lay in one cell: it is exact for a thousand, within 0.001 for many", () => {
    expect(counted(0, 1000).auc()).toBeCloseTo(exact(1000), 12);
    expect(Math.abs(counted(0, scores.length).auc() - exact(scores.length))).toBeLessThan(0.001);
  });

  it("have the same AUC if parts of them are counted apart", () => {
    const whole = counted(0, 50_000);
    whole.include(counted(50_000, scores.length));
    expect(Math.abs(whole.auc() - exact(scores.length))).toBeLessThan(0.001);
    const few = counted(0, 300);
    few.include(counted(300, scores.length));
    expect(Math.abs(few.auc() - exact(scores.length))).toBeLessThan(0.001);
  });
});

it("eval --by reported an AUC of 0.5 for a model of rare clicks, whose scores are close together", () => {
  const bins = new ScoreTotals();
  for (let i = 0; i < 2000; i++)
    bins.add({ logit: -5.5 + i * 1e-5, p: 0.004, q: 0.004, label: Number(i >= 1000), weight: 1 });
  expect(bins.quality(false).auc).toBe(1);
});
