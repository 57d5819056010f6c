import { ln, logistic } from "../metrics/kernel.js";
import type { Curve } from "./curve.js";
import type { Point } from "./slice.js";

/** The prior: a logit is within half a unit (1 / sqrt(4)) of where it would be without this slice. */
export const PRIOR = 4;
/** Largest absolute logit of a knot, for f32. */
const FARTHEST = 30;

/** Neighbours that share one value: from `from` up to, not including, `to`. */
export interface Pool {
  readonly from: number;
  readonly to: number;
  readonly value: number;
  readonly weight: number;
}

/**
 * Isotonic regression: the non-decreasing values of least squared distance, by pooling adjacent violators (Ayer et al. 1955).
 */
export function poolAdjacentViolators(values: readonly number[], weights: readonly number[]): Pool[] {
  const pools: Pool[] = [];
  values.forEach((value, i) => {
    let pool: Pool = { from: i, to: i + 1, value, weight: weights[i] };
    for (let last = pools.at(-1); last && last.value >= pool.value; last = pools.at(-1)) {
      const weight = last.weight + pool.weight;
      pool = {
        from: last.from,
        to: pool.to,
        value: (last.value * last.weight + pool.value * pool.weight) / weight,
        weight,
      };
      pools.pop();
    }
    pools.push(pool);
  });
  return pools;
}

/**
 * Isotonic calibration (Zadrozny and Elkan 2002) that also works with few events. A slice's curve starts as its parent's, is
 * shifted by the overall evidence of the slice's positives, then cell by cell, each to the degree that its events outweigh the
 * prior. Knots are the logits of the pools' mean probabilities, so that scores between them keep their order.
 * @param whole the curve this slice is part of
 */
export function isotonic(points: readonly Point[], whole: (logit: number) => number, prior = PRIOR): Curve {
  const offset = offsetOf(points, whole, prior);
  const rates = points.map(({ logit, events, positive }) => {
    const p = logistic(whole(logit) + offset);
    const known = prior / (p * (1 - p));
    return (positive + known * p) / (events + known);
  });
  const pools = poolAdjacentViolators(
    rates,
    points.map(({ events }) => events),
  );
  return Float32Array.from(
    pools.flatMap(({ from, to, value }) => [logitOf(meanOf(points.slice(from, to))), logitOf(value)]),
  );
}

/** The shift common to all logits. */
function offsetOf(points: readonly Point[], whole: (logit: number) => number, prior: number): number {
  let events = 0;
  let positive = 0;
  let predicted = 0;
  for (const point of points) {
    events += point.events;
    positive += point.positive;
    predicted += point.events * logistic(whole(point.logit));
  }
  const odds = (of: number) => (of + prior) / (events - of + prior);
  return prior > 0 ? ln(odds(positive) / odds(predicted)) : 0;
}

/** The mean probability of some cells. */
function meanOf(points: readonly Point[]): number {
  const events = points.reduce((sum, point) => sum + point.events, 0);
  return points.reduce((sum, point) => sum + point.events * logistic(point.logit), 0) / events;
}

function logitOf(rate: number): number {
  return Math.max(-FARTHEST, Math.min(FARTHEST, ln(rate / (1 - rate))));
}
