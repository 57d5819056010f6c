import { hex64 } from "../../core/hash.js";
import { xxh64 } from "../../kernels/hash.js";
import { ComposedEncoding, pooled } from "../../tables/composed.js";
import type { Encoding, EncodingOptions } from "../../tables/encoding.js";
import type { EncodingBase, StoreSpec } from "../../tables/spec.js";
import { StoreEncoding } from "../../tables/store-encoding.js";
import { importancesOf, type MultiHashOptions } from "./spec.js";

/**
 * A key's candidate rows are given by its hashes; its importances, which start around 1, by the key modulo their
 * number.
 */
export function createMultiHash(spec: EncodingBase, own: MultiHashOptions, options: EncodingOptions): Encoding {
  const importances = new StoreEncoding(importanceStore(spec, own), { ...options, unitRows: 0 });
  const parts = pooled(spec.rows, own.hashes);
  const pool = { ...spec, encoding: "hash" } as const;
  return new ComposedEncoding(
    pool,
    spec.dim,
    { combine: "weighed", scheme: "hashed", parts, range: 1 },
    options,
    importances,
  );
}

/** Rows with one weight per hash. */
function importanceStore(spec: EncodingBase, own: MultiHashOptions): StoreSpec {
  const seed = hex64(xxh64("importance", BigInt(`0x${spec.seed}`)));
  return { ...importancesOf(spec, own), name: `${spec.name}.importance`, seed };
}
