/**
 * Boundaries that grow with the value: 0, then within each doubling of `min` up to `max`, `per_doubling` evenly spaced
 * steps: min · 2^k · (1 + j / per_doubling). Only + - * / are used, so every machine finds the same numbers.
 */
export function logBoundaries(min: number, max: number, perDoubling: number): number[] {
  const boundaries = [0];
  for (let base = min; base <= max; base *= 2) {
    for (let j = 0; j < perDoubling; j++) {
      const boundary = base * (1 + j / perDoubling);
      if (boundary <= max) boundaries.push(boundary);
    }
  }
  return boundaries;
}

/**
 * `log1p-bucket`: small integers each in their own bucket (0, 1, … 8), then `perDoubling` buckets per doubling;
 * negative values share one.
 */
export function integerBoundaries(max: number, perDoubling: number): number[] {
  return [...new Set(logBoundaries(1, max, perDoubling).map(Math.ceil))];
}

/** 0, width, 2·width, … up to `max`. */
export const evenBoundaries = (width: number, max: number): number[] =>
  Array.from({ length: Math.floor(max / width) + 1 }, (_, i) => i * width);
