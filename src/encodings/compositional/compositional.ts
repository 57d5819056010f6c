import { ComposedEncoding } from "../../tables/composed.js";
import type { Encoding, EncodingOptions } from "../../tables/encoding.js";
import type { EncodingBase } from "../../tables/spec.js";
import { type CompositionalOptions, poolOf } from "./spec.js";

/**
 * A key's rows are the digits or remainders of its id, one in each partition. Except in the first partition, rows start
 * around 1, as factors.
 */
export function createCompositional(spec: EncodingBase, own: CompositionalOptions, options: EncodingOptions): Encoding {
  const { partitions, combine, scheme, range } = own;
  let first = 0;
  const parts = partitions.map((rows) => {
    first += rows;
    return { first: first - rows, rows };
  });
  const factors = combine === "mult" ? { unitRows: partitions[0] } : {};
  return new ComposedEncoding(poolOf(spec, own), spec.dim, { combine, scheme, parts, range, ...factors }, options);
}
