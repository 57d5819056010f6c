/**
 * Maps raw logits to calibrated ones; monotonic, and finite for finite input. Isotonic: knots, `x` and `y` interleaved,
 * ascending, with linear interpolation between them and slope 1 outside; no knots: identity. Platt: a and b of a·x + b.
 */
export type Curve = Float32Array;

/** Curves that lie one behind the other in `values`, as a `CalibrationState` has them: copies, by their lengths. */
export function curvesIn({ lengths, values }: { readonly lengths: Uint32Array; readonly values: Curve }): Curve[] {
  let end = 0;
  return Array.from(lengths, (length) => {
    end += length;
    return values.slice(end - length, end);
  });
}

/** The curve's value at a logit. */
export type ValueAt = (curve: Curve, logit: number) => number;

/** Linear interpolation between knots. */
export function valueOfKnots(curve: Curve, x: number): number {
  const end = curve.length - 2;
  if (end < 0) return x;
  if (x <= curve[0]) return x + (curve[1] - curve[0]);
  if (x >= curve[end]) return x + (curve[end + 1] - curve[end]);
  let low = 0;
  let high = end >> 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (curve[2 * middle] <= x) low = middle;
    else high = middle;
  }
  const x0 = curve[2 * low];
  const y0 = curve[2 * low + 1];
  const x1 = curve[2 * high];
  const y1 = curve[2 * high + 1];
  return y0 + ((y1 - y0) * (x - x0)) / (x1 - x0);
}

/** a·x + b; x if there is no curve yet. */
export function valueOfLine(curve: Curve, x: number): number {
  return curve.length === 0 ? x : curve[0] * x + curve[1];
}
