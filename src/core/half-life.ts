/**
 * 2^(-1/halfLife): the factor by which older values decay at each step. Uses the series of exp, so that the bits are
 * the same everywhere.
 */
export function keepOf(halfLife: number): number {
  const x = -Math.LN2 / halfLife;
  let term = 1;
  let sum = 1;
  for (let k = 1; k <= 8; k++) {
    term *= x / k;
    sum += term;
  }
  return sum;
}
