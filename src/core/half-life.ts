/** 2^(-1/halfLife): what a value before the newest one counts. By the series of exp, whose bits are the same everywhere. */
export function keepOf(halfLife: number): number {
  const x = -Math.LN2 / halfLife;
  let [term, sum] = [1, 1];
  for (let k = 1; k <= 8; k++) {
    term *= x / k;
    sum += term;
  }
  return sum;
}
