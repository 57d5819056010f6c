import { logistic } from "../metrics/kernel.js";
import type { Curve } from "./curve.js";
import { PRIOR } from "./isotonic.js";
import type { Point } from "./slice.js";

/** The smallest slope: the curve must increase, and must not make all scores equal. */
const FLATTEST = 0.05;
const MOST_STEPS = 50;
const NEAR = 1e-10;

/**
 * Platt scaling (Platt 1999): the logistic regression of labels on logits, with two parameters. A slice starts from its
 * parent's line; slope and height (at the slice's mean logit) depart from it to the degree that the slice's events outweigh the
 * prior.
 * @param whole the line this slice is part of
 */
export function platt(points: readonly Point[], whole: Curve, prior = PRIOR): Curve {
  const [a, b] = whole.length > 0 ? whole : [1, 0];
  if (points.length === 0) return whole;
  const events = points.reduce((sum, point) => sum + point.events, 0);
  const mean = points.reduce((sum, point) => sum + point.events * point.logit, 0) / events;
  let slope = 0;
  let height = 0;
  for (let step = 0; step < MOST_STEPS; step++) {
    const move = newton(points, { a: a + slope, b: b + height - slope * mean, mean }, { slope, height, prior });
    slope = Math.max(FLATTEST - a, slope + move.slope);
    height += move.height;
    if (Math.abs(move.slope) + Math.abs(move.height) < NEAR) break;
  }
  return Float32Array.of(a + slope, b + height - slope * mean);
}

/** A Newton step, at most 1 in each direction. */
function newton(
  points: readonly Point[],
  { a, b, mean }: { a: number; b: number; mean: number },
  { slope, height, prior }: { slope: number; height: number; prior: number },
): { slope: number; height: number } {
  // Gradient and Hessian of the log likelihood; the term added to the diagonal keeps it regular for a single point.
  let gs = -prior * slope;
  let gh = -prior * height;
  let ss = prior + 1e-9;
  let sh = 0;
  let hh = prior + 1e-9;
  for (const { logit, events, positive } of points) {
    const p = logistic(a * logit + b);
    const x = logit - mean;
    const rest = positive - events * p;
    const curvature = events * p * (1 - p);
    gs += rest * x;
    gh += rest;
    ss += curvature * x * x;
    sh += curvature * x;
    hh += curvature;
  }
  const determinant = ss * hh - sh * sh;
  const within = (x: number) => Math.max(-1, Math.min(1, x));
  return { slope: within((gs * hh - gh * sh) / determinant), height: within((gh * ss - gs * sh) / determinant) };
}
