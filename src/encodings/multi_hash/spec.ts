import { whole } from "../../schema/basics.js";
import { count, rows } from "../../schema/compiled.js";
import { fixedStore, storeBytes } from "../../tables/bytes.js";
import type { EncodingBase, StoreSpec } from "../../tables/spec.js";
import { encoding, type Own } from "../kind.js";

const defaults = { hashes: 2 };
const compiled = { hashes: count(16), importance_rows: rows };

export type MultiHashOptions = Own<typeof compiled>;

/** The store of importances, one weight per hash, always f32. */
export function importancesOf(
  { precision: _, rounding: __, ...spec }: EncodingBase,
  { hashes, importance_rows }: MultiHashOptions,
): StoreSpec {
  return { ...spec, encoding: "hash", rows: importance_rows, dim: hashes };
}

/** Hash embeddings (Svenstrup et al. 2017): `hashes` candidate rows, weighted by learned importances. */
export const multiHash = encoding({
  description: "a sum of candidate rows, weighted by learned importances",
  rows: "fixed",
  source: {
    hashes: whole("Number of candidate rows per key.", defaults.hashes, 16),
    importance_rows: whole("Number of rows of importances, indexed by key modulo this. Default: the same as rows."),
  },
  compiled,
  compile: ({ hashes = defaults.hashes, importance_rows = 0 }) => ({ hashes, importance_rows }),
  sized: (own, rows) => ({ rows, own: { ...own, importance_rows: own.importance_rows || rows } }),
  bytes: (own, spec) => storeBytes(fixedStore(spec)) + storeBytes(importancesOf(spec, own)),
  async create(spec, own, options) {
    const { createMultiHash } = await import("./multi_hash.js");
    return createMultiHash(spec, own, options);
  },
});
