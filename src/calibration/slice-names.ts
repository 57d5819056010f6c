import { hex64 } from "../core/hash.js";

/** Longest text of a slice's value that is kept, in characters. */
export const MOST_NAME = 64;

/**
 * Names of slices, all different: the text of each one's value, or its key as 16 hex digits where there is no text. Both
 * where the text may be that of several values: it was cut, it replaces bytes that are not UTF-8, or another slice has it.
 * @param texts of the slices' values; "" or absent where not known
 */
export function sliceNames(texts: readonly string[], keys: BigUint64Array): string[] {
  const count = new Map<string, number>();
  for (const text of texts) count.set(text, (count.get(text) ?? 0) + 1);
  return Array.from(keys, (key, i) => {
    const text = texts[i] ?? "";
    const vague = text.length === MOST_NAME || text.includes("\ufffd") || count.get(text) !== 1;
    return text === "" ? hex64(key) : vague ? `${text}… ${hex64(key)}` : text;
  });
}
