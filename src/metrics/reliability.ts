import type { CellList } from "./score-cells.js";

/** One point of a calibration plot. */
export interface ReliabilityPoint {
  /** Mean predicted probability. */
  readonly predicted: number;
  /** Share of positives. */
  readonly actual: number;
  /** Weight of the examples. */
  readonly examples: number;
}

/**
 * Predicted against actual rates in bins of about equal weight, lowest scores first.
 * @param list weights of negatives and positives by score; a cell's score is its middle
 * @param points most bins
 */
export function reliability(list: CellList, points: number): ReliabilityPoint[] {
  const cells = Array.from({ length: list.length / 3 }, (_, i) => list.subarray(3 * i, 3 * i + 3))
    .map(([id, negatives, positives]) => ({
      p: 1 / (1 + Math.exp(-middleOf(id))),
      weight: negatives + positives,
      positives,
    }))
    .sort((a, b) => a.p - b.p);
  const total = cells.reduce((sum, { weight }) => sum + weight, 0);
  const bins: { weight: number; predicted: number; positives: number }[] = [];
  let before = 0;
  for (const { p, weight, positives } of cells) {
    const index = Math.min(points - 1, Math.floor((before / total) * points));
    bins[index] ??= { weight: 0, predicted: 0, positives: 0 };
    bins[index].weight += weight;
    bins[index].predicted += p * weight;
    bins[index].positives += positives;
    before += weight;
  }
  return bins
    .filter((bin) => bin !== undefined)
    .map(({ weight, predicted, positives }) => ({
      predicted: predicted / weight,
      actual: positives / weight,
      examples: weight,
    }));
}

/** The middle score of a cell: an aligned interval of 2^bits of the ordered f32 numbers (assembly/metric/cells.ts). */
function middleOf(id: number): number {
  const first = Math.floor(id / 64);
  const bits = 32 - (id % 64);
  return floatOf(first + Math.floor(2 ** bits / 2));
}

const words = new Uint32Array(1);
const floats = new Float32Array(words.buffer);

/** The f32 number at a position in the order of all. */
function floatOf(order: number): number {
  words[0] = order >= 2 ** 31 ? order - 2 ** 31 : ~order;
  const [value] = floats;
  return Number.isNaN(value) ? (order >= 2 ** 31 ? Infinity : -Infinity) : value;
}
