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

/** A size as people read it, such as 1.50 GiB. */
export function bytes(value: number): string {
  if (value >= 1 << 30) return `${(value / (1 << 30)).toFixed(2)} GiB`;
  if (value >= 1 << 20) return `${(value / (1 << 20)).toFixed(1)} MiB`;
  return `${(value / 1024).toFixed(1)} KiB`;
}
