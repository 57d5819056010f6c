/** Values that are kept at a stream's beginning, while there are no statistics to judge a value by. */
export const FIRST_VALUES = 128;

/** One in this many first values may be an arbitrary outlier. */
const SPARE = 16;
/** Values are clipped to this many times the largest distance from the median among the others. */
const WIDE = 4;

/**
 * Mean and sum of squared deviations of a few values, of which the farthest sixteenth may be outliers. `clipped`: values that
 * were clipped; `least`: if all others are equal, the distance of the nearest one that differs (0: none).
 */
export function robustStatistics(values: Float64Array): {
  mean: number;
  squares: number;
  clipped: number;
  least: number;
} {
  const median = values.slice().sort()[values.length >> 1];
  const distances = values.map((x) => Math.abs(x - median)).sort();
  const spare = Math.floor(values.length / SPARE);
  const most = spare > 0 ? WIDE * distances[values.length - 1 - spare] : Number.POSITIVE_INFINITY;
  let mean = 0;
  let squares = 0;
  let clipped = 0;
  values.forEach((value, i) => {
    if (Math.abs(value - median) > most) clipped++;
    const delta = median + Math.min(most, Math.max(-most, value - median)) - mean;
    mean += delta / (i + 1);
    squares += delta * delta * (i / (i + 1));
  });
  const least = most > 0 ? 0 : (distances.find((distance) => distance > 0) ?? 0);
  return { mean, squares, clipped, least };
}
