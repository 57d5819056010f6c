/**
 * `count` partitions of about equal size with `rows` rows in total: the digits of mixed radix numbers.
 * @returns undefined if they would have fewer than two rows each
 */
export function equalRadices(rows: number, count: number): number[] | undefined {
  const size = Math.floor(rows / count);
  if (size < 2) return undefined;
  return Array.from({ length: count }, (_, j) => size + (j < rows % count ? 1 : 0));
}

/**
 * The same with pairwise coprime sizes, which makes remainders unique below their product (Chinese remainder theorem);
 * `rows` rows in total at most.
 */
export function chineseRemainders(rows: number, count: number): number[] | undefined {
  const sizes: number[] = [];
  let candidate = Math.floor(rows / count);
  while (sizes.length < count && candidate >= 2) {
    if (sizes.every((size) => greatestCommonDivisor(size, candidate) === 1)) sizes.push(candidate);
    candidate--;
  }
  return sizes.length === count ? sizes : undefined;
}

/** Two sizes with a common factor, if there are any. */
export function notCoprime(sizes: readonly number[]): readonly [number, number] | undefined {
  for (const [i, a] of sizes.entries()) {
    const b = sizes.slice(i + 1).find((size) => greatestCommonDivisor(a, size) > 1);
    if (b !== undefined) return [a, b];
  }
  return undefined;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
