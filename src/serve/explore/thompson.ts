import { HashbrookError } from "../../core/errors.js";
import { byHighest, normal, normalBelow } from "./draws.js";
import type { Policy } from "./policy.js";

/** Beyond so many standard deviations a draw does not come. */
const REACH = 6;
/** Points of Gauss and Legendre, and their weights, in a piece of one standard deviation. */
const POINTS = [-0.8611363115940526, -0.3399810435848563, 0.3399810435848563, 0.8611363115940526];
const WEIGHTS = [0.3478548451374538, 0.6521451548625461, 0.6521451548625461, 0.3478548451374538];

/**
 * Thompson sampling: candidates in the order of draws from normal distributions about their logits, as wide as what is not known of their
 * weights (Chapelle and Li 2011). The draws of two candidates are independent.
 */
export const thompson: Policy = ({ logits, deviations, rng }) => {
  if (!deviations) {
    throw new HashbrookError("usage", "--explore thompson: this model does not say how certain its weights are");
  }
  const drawn = logits.map((logit, i) => logit + deviations[i] * normal(rng));
  return { order: byHighest(drawn), propensity: firstShares(logits, deviations) };
};

/** The probabilities that each of some normal draws is the highest. */
export function firstShares(means: Float64Array, deviations: Float32Array): Float64Array {
  const shares = new Float64Array(means.length);
  const lowest = means.reduce(
    (most, mean, i) => Math.max(most, mean - REACH * deviations[i]),
    Number.NEGATIVE_INFINITY,
  );
  const able = [...means.keys()].filter((i) => means[i] + REACH * deviations[i] >= lowest);
  const sure = able.find((i) => deviations[i] === 0 && means[i] === lowest);
  const uncertain = able.filter((i) => deviations[i] > 0);
  for (const [x, weight] of pointsOf(uncertain, means, deviations, lowest)) {
    const below = uncertain.map((i) => normalBelow((x - means[i]) / deviations[i]));
    const all = below.reduce((product, each) => product * each, 1);
    if (all === 0) continue;
    uncertain.forEach((i, at) => {
      const z = (x - means[i]) / deviations[i];
      shares[i] += (weight * Math.exp(-0.5 * z * z) * all) / (below[at] * deviations[i] * Math.sqrt(2 * Math.PI));
    });
  }
  const sum = shares.reduce((total, share) => total + share, 0);
  if (sure === undefined) return shares.map((share) => share / sum);
  shares[sure] = Math.max(0, 1 - sum);
  return shares;
}

/** Where to look at the densities above `lowest`, and with what weight: close together where any of them changes. */
function* pointsOf(
  some: readonly number[],
  means: Float64Array,
  deviations: Float32Array,
  lowest: number,
): Generator<readonly [x: number, weight: number]> {
  const ends = some.flatMap((i) =>
    Array.from({ length: 2 * REACH + 1 }, (_, step) => means[i] + (step - REACH) * deviations[i]),
  );
  const sorted = [lowest, ...ends.filter((end) => end > lowest)].sort((a, b) => a - b);
  for (let piece = 1; piece < sorted.length; piece++) {
    const half = (sorted[piece] - sorted[piece - 1]) / 2;
    const middle = sorted[piece - 1] + half;
    for (const [p, point] of POINTS.entries()) if (half > 0) yield [middle + half * point, half * WEIGHTS[p]];
  }
}
