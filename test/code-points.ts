import type { Arbitrary } from "fast-check";
import fc from "./properties.js";

const SURROGATES = 0x800;
const FIRST_SURROGATE = 0xd800;

/**
 * One character: any code point but surrogates. The values of fast-check's "binary" unit, which however lists all million of them in a
 * map, kept until the process ends: 86 MB for every full garbage collection to mark.
 */
export const anyCharacter: Arbitrary<string> = fc
  .nat(0x10ffff - SURROGATES)
  .map((n) => String.fromCodePoint(n < FIRST_SURROGATE ? n : n + SURROGATES), numberOf);

/** @throws Error if it is not such a character */
function numberOf(text: unknown): number {
  if (typeof text !== "string" || !/^\P{Surrogate}$/u.test(text)) throw new Error("not one character");
  const code = text.codePointAt(0)!;
  return code < FIRST_SURROGATE ? code : code - SURROGATES;
}
