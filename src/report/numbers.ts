import { grouped } from "../core/digits.js";
/** A number for an axis or a table: four significant digits, with letters for thousands. */
export function short(value: number): string {
  const size = Math.abs(value);
  const scaled = [
    [1e9, " G"],
    [1e6, " M"],
    [1e4, " k"],
  ] as const;
  for (const [unit, letter] of scaled)
    if (size >= unit) return `${trimmed(value / (letter === " k" ? 1e3 : unit))}${letter}`;
  return trimmed(value);
}

/** Without trailing zeros. */
function trimmed(value: number): string {
  if (value !== 0 && Math.abs(value) < 1e-4) return value.toExponential(1);
  return String(Number(value.toPrecision(4)));
}

/** Four decimals, or a dash if there is no value. */
export const figure = (value: number | null | undefined): string => (value == null ? "–" : value.toFixed(4));

/** A change with its sign and standard error. */
export function change(value: number | null, se: number | null): string {
  if (value === null) return "–";
  const sign = value < 0 ? "−" : "+";
  return `${sign}${Math.abs(value).toFixed(5)}${se === null ? "" : ` ± ${se.toFixed(5)}`}`;
}

/** In steps of 1,024. */
export function size(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; bytes >= 1024 && unit < units.length - 1; unit++) bytes /= 1024;
  return `${unit === 0 ? bytes : bytes.toFixed(1)} ${units[unit]}`;
}

export const whole = (value: number): string => grouped(Math.round(value));
