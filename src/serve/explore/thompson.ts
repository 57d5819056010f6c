import { HashbrookError } from "../../core/errors.js";
import { tooMany } from "../requests/request.js";
import { byHighest, normal, normalBelow } from "./draws.js";
import type { Policy } from "./policy.js";

/** Maximum number of candidates: computing the probability of each to come first then takes some milliseconds. */
export const MOST_CANDIDATES = 1000;
/** Draws beyond this many standard deviations are neglected. */
const REACH = 6;
/** A logit with a smaller deviation counts as certain. */
const LEAST_WIDTH = 1e-9;
/** Intervals per standard deviation; Gauss-Legendre points in each, and their weights. */
const PIECES = 2;
const POINTS = [-0.8611363115940526, -0.3399810435848563, 0.3399810435848563, 0.8611363115940526];
const WEIGHTS = [0.3478548451374538, 0.6521451548625461, 0.6521451548625461, 0.3478548451374538];

/**
 * Thompson sampling: candidates in the order of draws from normal distributions around their logits, whose width is the
 * uncertainty of their weights (Chapelle and Li 2011). The draws of two candidates are independent.
 */
export const thompson: Policy = ({ logits, deviations, rng }) => {
  if (!deviations) {
    throw new HashbrookError("usage", "--explore thompson: this model has no uncertainty estimates of its weights");
  }
  if (logits.length > MOST_CANDIDATES)
    throw tooMany("candidates of --explore thompson", logits.length, MOST_CANDIDATES);
  const drawn = logits.map((logit, i) => logit + deviations[i] * normal(rng));
  return { order: byHighest(drawn), propensity: firstShares(logits, deviations) };
};

/** The probability of each of some normal draws to be the highest. */
export function firstShares(means: Float64Array, deviations: Float32Array): Float64Array {
  const widths = Float64Array.from(deviations, (deviation) => (deviation < LEAST_WIDTH ? 0 : deviation));
  const shares = new Float64Array(means.length);
  const lowest = means.reduce((most, mean, i) => Math.max(most, mean - REACH * widths[i]), Number.NEGATIVE_INFINITY);
  const able = [...means.keys()].filter((i) => means[i] + REACH * widths[i] >= lowest);
  const sure = able.find((i) => widths[i] === 0 && means[i] === lowest);
  const uncertain = able.filter((i) => widths[i] > 0);
  const below = new Float64Array(means.length);
  for (const [x, weight] of pointsOf(uncertain, means, widths, lowest)) {
    let all = 1;
    for (const i of uncertain) all *= below[i] = normalBelow((x - means[i]) / widths[i]);
    if (all === 0) continue;
    for (const i of uncertain) {
      const z = (x - means[i]) / widths[i];
      shares[i] += (weight * Math.exp(-0.5 * z * z) * all) / (below[i] * widths[i] * Math.sqrt(2 * Math.PI));
    }
  }
  const sum = shares.reduce((total, share) => total + share, 0);
  if (sure === undefined) return shares.map((share) => share / sum);
  shares[sure] = Math.max(0, 1 - sum);
  return shares;
}

/**
 * Quadrature points and weights for the densities above `lowest`, which all of them reach down to: determined by the
 * narrowest ones that reach so far up. Some hundred points, however many densities there are.
 */
function* pointsOf(
  some: readonly number[],
  means: Float64Array,
  widths: Float64Array,
  lowest: number,
): Generator<readonly [x: number, weight: number]> {
  const end = (i: number) => means[i] + REACH * widths[i];
  for (let from = lowest, left = some; left.length > 0; left = left.filter((i) => end(i) > from)) {
    const half = left.reduce((least, i) => Math.min(least, widths[i]), Number.POSITIVE_INFINITY) / 2 / PIECES;
    for (const [p, point] of POINTS.entries()) yield [from + half * (1 + point), half * WEIGHTS[p]];
    from += 2 * half;
  }
}
