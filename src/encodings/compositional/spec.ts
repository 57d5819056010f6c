import { optional, whole } from "../../schema/basics.js";
import { count, rows } from "../../schema/compiled.js";
import { Type } from "../../schema/typebox.js";
import { storeBytes } from "../../tables/bytes.js";
import type { EncodingBase, StoreSpec } from "../../tables/spec.js";
import { encoding, type Own } from "../kind.js";
import { checkParts, partDim } from "../parts.js";
import { chineseRemainders, equalRadices, notCoprime } from "./partitions.js";

const defaults = { partitions: 2, scheme: "mixed_radix", combine: "mult" } as const;
const combine = ["add", "mult", "concat"] as const;
const scheme = ["mixed_radix", "chinese_remainder"] as const;

const source = {
  partitions: optional(
    Type.Union(
      [
        Type.Integer({ minimum: 2, maximum: 16, description: "Number of partitions of about equal size." }),
        Type.Array(Type.Integer({ minimum: 1, maximum: 2 ** 32 - 1, description: "Number of rows." }), {
          minItems: 2,
          maxItems: 16,
          description: "Number of rows of each partition.",
        }),
      ],
      { description: `Number or sizes of the partitions. Default ${defaults.partitions}.` },
    ),
  ),
  scheme: optional(
    Type.Enum(scheme, {
      default: defaults.scheme,
      description: "mixed_radix: digits of the id (two: remainder and quotient). chinese_remainder: its remainders.",
    }),
  ),
  combine: optional(Type.Enum(combine, { default: defaults.combine, description: "How a key's rows are combined." })),
  range: whole("Ids are keys modulo this. Default: the product of the partitions.", undefined, Number.MAX_SAFE_INTEGER),
};

const compiled = {
  /** Rows of each partition. */
  partitions: Type.Array(rows, { minItems: 2, maxItems: 16 }),
  /** mixed_radix: the digits of id; chinese_remainder: its residues, partitions pairwise coprime. */
  scheme: Type.Enum(scheme),
  combine: Type.Enum(combine),
  /** Keys are reduced modulo this first; at most the product of the partitions. */
  range: count(Number.MAX_SAFE_INTEGER),
};

export type CompositionalOptions = Own<typeof compiled>;

const product = (sizes: readonly number[]): number => sizes.reduce((all, size) => all * size, 1);
const sum = (sizes: readonly number[]): number => sizes.reduce((all, size) => all + size, 0);

/** The store with all partitions, one after the other. */
export const poolOf = (spec: EncodingBase, { partitions, combine }: CompositionalOptions): StoreSpec => ({
  ...spec,
  encoding: "hash",
  dim: partDim(spec, combine === "concat", partitions.length),
});

/** Quotient-remainder and its generalisation (Shi et al. 2019): one row from each of k partitions. */
export const compositional = encoding({
  description: "one row of each partition; no two ids below `range` have the same combination",
  rows: "fixed",
  source,
  compiled,
  compile: (given) => ({ ...defaults, ...given, partitions: [], range: 0 }),
  sized(own, rows, { partitions: wanted = defaults.partitions, range }) {
    const split = own.scheme === "chinese_remainder" ? chineseRemainders : equalRadices;
    const partitions = typeof wanted === "number" ? (split(rows, wanted) ?? Array(wanted).fill(1)) : wanted;
    const most = Math.min(product(partitions), Number.MAX_SAFE_INTEGER);
    return { rows: sum(partitions), own: { ...own, partitions, range: range ?? most } };
  },
  givesRows: ({ partitions }) => Array.isArray(partitions),
  check(own, spec, path, problems) {
    const { partitions, scheme, combine, range } = own;
    if (combine === "concat") checkParts(partitions.length, "add", spec, path, problems);
    if (partitions.some((rows) => rows < 2))
      problems.add(
        `${path}.rows`,
        "too few rows for the partitions",
        `use at least ${2 * partitions.length} rows, or fewer partitions`,
      );
    if (range > product(partitions))
      problems.add(
        `${path}.compositional.range`,
        `${range} ids exceed the ${product(partitions)} combinations of the partitions`,
        "use more rows per partition, more partitions, or a smaller range",
      );
    const clash = scheme === "chinese_remainder" ? notCoprime(partitions) : undefined;
    if (clash)
      problems.add(
        `${path}.compositional.partitions`,
        `${clash[0]} and ${clash[1]} have a common factor`,
        "use coprime sizes, or give only the number of partitions",
      );
  },
  pool: (own, spec) => poolOf(spec, own),
  bytes: (own, spec) => storeBytes(poolOf(spec, own)),
  async create(spec, own, options) {
    const { createCompositional } = await import("./compositional.js");
    return createCompositional(spec, own, options);
  },
});
