import { xxh64 } from "../kernels/hash.js";
import type { CompiledSpec } from "./compiled.js";

export { xxh64 };

/** A 64-bit number as the compiled spec writes it: 16 lower-case hex digits. */
export const hex64 = (value: bigint): string => value.toString(16).padStart(16, "0");

/** The number of 16 hex digits. */
export const fromHex64 = (text: string): bigint => BigInt(`0x${text}`);

/** JSON with keys sorted (by UTF-16 code unit), numbers in ECMAScript's shortest form, no white space. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** XXH64 (seed 0) of the canonical JSON's UTF-8 bytes, 16 hex digits: two models with this hash read events alike. */
export const specHash = (spec: CompiledSpec): string => hex64(xxh64(canonicalJson(spec)));
