import { HashbrookError } from "./errors.js";

/** A 64-bit number as specs and checkpoints write it: 16 lower-case hex digits, most significant first. */
export const hex64 = (value: bigint): string => value.toString(16).padStart(16, "0");

/** The number of 16 hex digits. */
export const fromHex64 = (text: string): bigint => BigInt(`0x${text}`);

/**
 * Canonical JSON: keys sorted (by UTF-16 code unit), undefined members left out, numbers in ECMAScript's shortest form,
 * no white space.
 * @throws HashbrookError internal if a number is not finite, which JSON cannot express
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const given = Object.entries(value).filter(([, inner]) => inner !== undefined);
    const sorted = given.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${sorted.map(([key, inner]) => `${JSON.stringify(key)}:${canonicalJson(inner)}`).join(",")}}`;
  }
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new HashbrookError("internal", `the number ${value} cannot be written as JSON`);
  }
  return JSON.stringify(value);
}
