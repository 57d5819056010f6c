import { expect, it } from "vitest";
import { compare } from "../../src/metrics/delong.js";
import fc from "../properties.js";

/** 1 where the positive scores higher, 1/2 at a tie: the kernel of the Mann-Whitney statistic. */
const psi = (positive: number, negative: number) => (positive > negative ? 1 : positive === negative ? 0.5 : 0);
const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;
const covariance = (a: readonly number[], b: readonly number[]) =>
  a.reduce((sum, x, i) => sum + (x - mean(a)) * (b[i] - mean(b)), 0) / (a.length - 1);

/** DeLong, DeLong & Clarke-Pearson (1988), equations (4) to (8), pair by pair: AUC of two scorers and the covariances S. */
function delong(scores: readonly (readonly number[])[], labels: readonly number[]) {
  const of = (scorer: readonly number[], label: number) => scorer.filter((_, i) => labels[i] === label);
  const components = scores.map((scorer) => {
    const [negatives, positives] = [of(scorer, 0), of(scorer, 1)];
    return {
      v10: positives.map((x) => mean(negatives.map((y) => psi(x, y)))),
      v01: negatives.map((y) => mean(positives.map((x) => psi(x, y)))),
    };
  });
  const s = (r: number, t: number) =>
    covariance(components[r].v10, components[t].v10) / components[0].v10.length +
    covariance(components[r].v01, components[t].v01) / components[0].v01.length;
  return { auc: components.map(({ v10 }) => mean(v10)), s };
}

const scored = fc.record({
  logit: fc.integer({ min: -6, max: 6 }).map((x) => x / 2),
  other: fc.integer({ min: -6, max: 6 }).map((x) => x / 2),
  label: fc.constantFrom(0, 1),
});

it("AUC, its difference and their standard errors are DeLong's, pair by pair", () => {
  fc.assert(
    fc.property(fc.array(scored, { minLength: 12, maxLength: 60 }), (rows) => {
      const labels = rows.map(({ label }) => label);
      const found = compare(
        Float32Array.from(rows, ({ logit }) => logit),
        Float32Array.from(rows, ({ other }) => other),
        Uint8Array.from(labels),
        Uint32Array.from(rows, (_, i) => i),
      );
      const positives = labels.filter((label) => label === 1).length;
      if (positives < 2 || rows.length - positives < 2) {
        expect(found).toBeNull();
        return;
      }
      const { auc, s } = delong([rows.map(({ logit }) => logit), rows.map(({ other }) => other)], labels);
      expect(found!.auc).toBeCloseTo(auc[0], 12);
      expect(found!.auc_delta).toBeCloseTo(auc[0] - auc[1], 12);
      expect(found!.auc_se).toBeCloseTo(Math.sqrt(s(0, 0)), 10);
      expect(found!.auc_delta_se).toBeCloseTo(Math.sqrt(Math.max(0, s(0, 0) + s(1, 1) - 2 * s(0, 1))), 7);
    }),
    { numRuns: 100 },
  );
});

it("logloss and its paired difference are means over the selected rows", () => {
  const logits = Float32Array.of(0, 2, -1, 3, 99, -2);
  const other = Float32Array.of(0, 0, 0, 0, 99, 0);
  const labels = Uint8Array.of(0, 1, 0, 1, 0, 0);
  const rows = Uint32Array.of(0, 1, 2, 3, 5);
  const loss = (x: number, y: number) => Math.log(1 + Math.exp(y ? -x : x));
  const own = [...rows].map((row) => loss(logits[row], labels[row]));
  const deltas = own.map((x) => x - Math.LN2);
  const found = compare(logits, other, labels, rows)!;
  expect(found.logloss).toBeCloseTo(mean(own), 6);
  expect(found.logloss_delta).toBeCloseTo(mean(deltas), 6);
  expect(found.logloss_delta_se).toBeCloseTo(Math.sqrt(covariance(deltas, deltas) / rows.length), 6);
});
