const BYTE_UNITS: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
};
const TIME_UNITS: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, h: 3600, d: 86400 };

/** Bytes given as a number or a text; undefined if it is neither. */
export const parseBytes = (given: number | string): number | undefined => quantity(given, BYTE_UNITS, Math.floor);

/** Seconds given as a number or a text; undefined if it is neither. */
export const parseSeconds = (given: number | string): number | undefined => quantity(given, TIME_UNITS, (x) => x);

function quantity(
  given: number | string,
  units: Readonly<Record<string, number>>,
  round: (x: number) => number,
): number | undefined {
  if (typeof given === "number") return given;
  const match = /^(\d+(?:\.\d+)?)\s*([a-zA-Z]*)$/.exec(given.replaceAll("_", ""));
  const unit = match ? units[match[2].toLowerCase()] : undefined;
  const value = match && unit !== undefined ? round(Number(match[1]) * unit) : 0;
  return value > 0 && Number.isFinite(value) ? value : undefined;
}

/** "1.5 MB", for messages. */
export function sizeText(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const unit = bytes < 1000 ? 0 : Math.min(4, Math.floor(Math.log10(bytes) / 3));
  return `${Number((bytes / 1000 ** unit).toPrecision(3))} ${units[unit]}`;
}
