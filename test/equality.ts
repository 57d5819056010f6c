import { types } from "node:util";
import { expect } from "vitest";

// Equal memory, and equal lists of numbers or texts, need no look at their keys: most of the time of a comparison. Where they differ,
// vitest's own comparison says so, and how.

function sameBytes(a: unknown, b: unknown): true | undefined {
  if (!types.isTypedArray(a) || !types.isTypedArray(b)) return undefined;
  if (a.constructor !== b.constructor || a.byteLength !== b.byteLength) return undefined;
  return bytesOf(a).equals(bytesOf(b)) ? true : undefined;
}

const bytesOf = ({ buffer, byteOffset, byteLength }: NodeJS.TypedArray) => Buffer.from(buffer, byteOffset, byteLength);

function sameList(a: unknown, b: unknown): true | undefined {
  if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return undefined;
  // What a regular expression has found is a list with more to it.
  if ("index" in a || "index" in b) return undefined;
  for (let i = 0; i < a.length; i++) {
    if (!Object.is(a[i], b[i]) || a[i] === undefined || typeof a[i] === "object") return undefined;
  }
  return true;
}

/** Files that share a process load this more than once. */
const known = globalThis as { hashbrookEquality?: true };
if (!known.hashbrookEquality) expect.addEqualityTesters([sameBytes, sameList]);
known.hashbrookEquality = true;
