import { optional, whole } from "../../schema/basics.js";
import { count } from "../../schema/compiled.js";
import { Type } from "../../schema/typebox.js";
import { storeBytes } from "../../tables/bytes.js";
import type { EncodingBase, StoreSpec } from "../../tables/spec.js";
import { encoding, type Own } from "../kind.js";
import { checkParts, partDim } from "../parts.js";

const defaults = { lookups: 2, combine: "concat" } as const;
const combine = ["sum", "concat"] as const;
const compiled = { lookups: count(16), combine: Type.Enum(combine) };

export type SharedOptions = Own<typeof compiled>;

/** The pool with the rows of all keys. */
export const poolOf = (spec: EncodingBase, { lookups, combine }: SharedOptions): StoreSpec => ({
  ...spec,
  encoding: "hash",
  dim: partDim(spec, combine === "concat", lookups),
});

/** Unified embedding (Coleman et al. 2023): `lookups` rows of one pool per key, summed or concatenated. */
export const shared = encoding({
  description: "a key's vector is composed of several rows of one pool",
  rows: "fixed",
  // All fields use one pool, so their values are kept apart.
  salt: "field",
  source: {
    lookups: whole("Number of rows per key.", defaults.lookups, 16),
    combine: optional(Type.Enum(combine, { default: defaults.combine, description: "How a key's rows are combined." })),
  },
  compiled,
  compile: (given) => ({ ...defaults, ...given }),
  check({ lookups, combine }, spec, path, problems) {
    if (combine === "concat") checkParts(lookups, "sum", spec, path, problems);
  },
  pool: (own, spec) => poolOf(spec, own),
  bytes: (own, spec) => storeBytes(poolOf(spec, own)),
  async create(spec, own, options) {
    const { createShared } = await import("./shared.js");
    return createShared(spec, own, options);
  },
});
