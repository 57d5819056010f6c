import type { Problems } from "../schema/problems.js";

const RANGE = /^(.*?)(\d+)\.\.(.*?)(\d+)$/s;
const LONGEST = 10_000;

/**
 * Expands a range of names: `C1..C3` is C1, C2, C3; `h00..h23` keeps its leading zeros. Any other text is returned as
 * it is.
 * @throws RangeError for an invalid range
 */
export function expandRange(text: string): string[] {
  if (!text.includes("..")) return [text];
  const [, prefix, first, prefixAgain, last] = RANGE.exec(text) ?? [];
  if (first === undefined) throw new RangeError(`"${text}" is not a range: write it like C1..C26`);
  if (prefix !== prefixAgain) {
    throw new RangeError(
      `both names of the range "${text}" must be equal before the number ("${prefix}" and "${prefixAgain}" differ)`,
    );
  }
  const from = Number(first);
  const to = Number(last);
  if (to < from) throw new RangeError(`"${text}" is descending: write ${prefix}${last}..${prefix}${first}`);
  if (!Number.isSafeInteger(to)) throw new RangeError(`"${text}" has numbers above ${Number.MAX_SAFE_INTEGER}`);
  if (to - from >= LONGEST) throw new RangeError(`"${text}" has more than ${LONGEST} names`);
  const width = first.startsWith("0") ? first.length : 0;
  return Array.from({ length: to - from + 1 }, (_, i) => prefix + String(from + i).padStart(width, "0"));
}

/** `expandRange`, reporting an invalid range as a problem at `path` and returning no names. */
export function expand(text: string, path: string, problems: Problems): string[] {
  try {
    return expandRange(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    problems.add(path, error.message, "write two names that differ only in their final number: C1..C26");
    return [];
  }
}
