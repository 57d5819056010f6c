import { checkArguments } from "../core/arguments.js";
import { canonicalJson, hex64 } from "../core/hash.js";
import { xxh64 } from "../kernels/hash.js";
import type { CompiledSpec } from "./compiled.js";

/**
 * XXH64 (seed 0) of the canonical JSON's UTF-8 bytes, 16 hex digits: two models with this hash read events alike and
 * learn alike. Gate and metrics are left out, since they do not affect learning: a run may continue with others.
 */
export function specHash(spec: CompiledSpec): string {
  checkArguments("specHash", { spec }, { spec: "compiled" });
  const { metrics: _, gate: __, ...learned } = spec;
  return hex64(xxh64(canonicalJson(learned)));
}
