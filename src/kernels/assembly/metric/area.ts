// The area under the ROC curve of weights in cells: the share of (positive, negative) pairs in which the positive
// scored higher, ties counting 1/2. Pairs of unknown order also count 1/2: those inside a cell of more than one number,
// or in a cell and an enclosing one. Call `begin`, then `visit` for each cell in the order of their ids.

/** Cells that enclose the current one, at most one of each size: f64[3] end, negatives, positives. */
const around = memory.data(34 * 24, 16);
let top: usize = 0;
/** The sums of their weights. */
let outerNegatives: f64 = 0;
let outerPositives: f64 = 0;

let negatives: f64 = 0;
let positives: f64 = 0;
let area: f64 = 0;
/** Weight of pairs of unknown order: of both classes, and twice those within each class. */
let unknown: f64 = 0;
let unknownNegatives: f64 = 0;
let unknownPositives: f64 = 0;

export function begin(): void {
  top = around;
  outerNegatives = outerPositives = negatives = positives = area = unknown = unknownNegatives = unknownPositives = 0;
}

@inline
export function visit(first: u64, bits: u32, negative: f64, positive: f64): void {
  while (top > around && load<f64>(top - 24) <= <f64>first) {
    top -= 24;
    outerNegatives = top > around ? outerNegatives - load<f64>(top, 8) : 0;
    outerPositives = top > around ? outerPositives - load<f64>(top, 16) : 0;
  }
  const nested = positive * outerNegatives + negative * outerPositives;
  area += positive * (negatives - outerNegatives) + 0.5 * (nested + positive * negative);
  negatives += negative;
  positives += positive;
  unknown += nested;
  unknownNegatives += 2 * negative * outerNegatives;
  unknownPositives += 2 * positive * outerPositives;
  if (bits == 0) return;
  unknown += positive * negative;
  unknownNegatives += negative * negative;
  unknownPositives += positive * positive;
  store<f64>(top, <f64>(first + ((<u64>1) << bits)));
  store<f64>(top, negative, 8);
  store<f64>(top, positive, 16);
  outerNegatives += negative;
  outerPositives += positive;
  top += 24;
}

/** The AUC; NaN if either class is absent. */
export function auc(): f64 {
  return area / (positives * negatives);
}

/** Bound of the AUC's error. */
export function aucError(): f64 {
  return (0.5 * unknown) / (positives * negatives);
}

/**
 * The same bound for the larger class paired with itself, which measures how crowded cells are; less the share of
 * `rows` rows of equal weight paired with themselves.
 */
export function crowding(rows: u32): f64 {
  const most = max(negatives, positives);
  const pairs = negatives > positives ? unknownNegatives : unknownPositives;
  return 0.5 * (pairs / (most * most) - (negatives + positives) / (most * <f64>rows));
}
