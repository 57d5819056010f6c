/**
 * A number with commas between its thousands and at most three decimals, as `toLocaleString("en")` writes it. That one
 * loads the locales' data when first called: 20 ms of a start.
 */
export function grouped(value: number): string {
  if (!Number.isFinite(value) || Math.abs(value) >= 1e15) return value.toLocaleString("en");
  const [whole, decimals] = String(Number(value.toFixed(3))).split(".");
  const thousands = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return decimals === undefined ? thousands : `${thousands}.${decimals}`;
}
