import { ComposedEncoding, pooled } from "../../tables/composed.js";
import type { Encoding, EncodingOptions } from "../../tables/encoding.js";
import type { EncodingBase } from "../../tables/spec.js";
import { poolOf, type SharedOptions } from "./spec.js";

/** A key's rows are given by its hashes, all in one pool. */
export function createShared(spec: EncodingBase, own: SharedOptions, options: EncodingOptions): Encoding {
  const { combine, lookups } = own;
  const composition = { combine, scheme: "hashed", parts: pooled(spec.rows, lookups), range: 1 } as const;
  return new ComposedEncoding(poolOf(spec, own), spec.dim, composition, options);
}
