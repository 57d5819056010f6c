/**
 * How a calibrated logit follows from a raw one; never falling, finite for what is finite. Isotonic: knots, `x` and `y` side by
 * side, ascending, with straight lines between them and slope 1 beyond; none: as it is. Platt: a and b of a·x + b.
 */
export type Curve = Float32Array;

/** The curve's value at a logit. */
export type ValueAt = (curve: Curve, logit: number) => number;

/** y at x, straight between two knots. */
export function valueOfKnots(curve: Curve, x: number): number {
  const end = curve.length - 2;
  if (end < 0) return x;
  if (x <= curve[0]) return x + (curve[1] - curve[0]);
  if (x >= curve[end]) return x + (curve[end + 1] - curve[end]);
  let [low, high] = [0, end >> 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (curve[2 * middle] <= x) low = middle;
    else high = middle;
  }
  const [x0, y0, x1, y1] = [curve[2 * low], curve[2 * low + 1], curve[2 * high], curve[2 * high + 1]];
  return y0 + ((y1 - y0) * (x - x0)) / (x1 - x0);
}

/** a·x + b; x where there is no curve yet. */
export function valueOfLine(curve: Curve, x: number): number {
  return curve.length === 0 ? x : curve[0] * x + curve[1];
}
