import { compileDense, Optimizer, optimizer } from "../../optimizers/schema.js";
import { optional, size } from "../../schema/basics.js";
import { count } from "../../schema/compiled.js";
import { Type } from "../../schema/typebox.js";
import { denseBytes, exactBytes } from "../../tables/bytes.js";
import { encoding, type Own } from "../kind.js";
import { mixedDimensions } from "./mixed-dimensions.js";

const defaults = { dim: 4, optimizer: "adam", alpha: 0.3 } as const;

const source = {
  dim: optional(size("Floats per row, before the projection.", { default: defaults.dim })),
  optimizer: optimizer(defaults.optimizer),
  distinct: optional(
    Type.Object(
      {},
      {
        patternProperties: {
          "^.*$": Type.Integer({ minimum: 1, description: "Number of distinct ids of the field." }),
        },
        description:
          "Mixed dimensions: a separate table for each field, with a dim that depends on its number of distinct ids.",
      },
    ),
  ),
  alpha: optional(
    Type.Number({
      minimum: 0,
      maximum: 1,
      default: defaults.alpha,
      description: "With distinct: a field's dim is dim × (fewest / distinct)^alpha.",
    }),
  ),
};

const compiled = { dim: count(4096), optimizer: Optimizer };

export type LowDimOptions = Own<typeof compiled>;

/** Rows of `dim` floats, projected to the table's dim by one matrix per table. */
export const lowDim = encoding({
  description: "short rows, projected to the table's dim by a learned matrix",
  rows: "growing",
  decodes: true,
  source,
  compiled,
  compile: ({ dim = defaults.dim, optimizer = defaults.optimizer }, { path, problems }) => ({
    dim,
    optimizer: compileDense(optimizer, `${path}.optimizer`, problems),
  }),
  check(own, { dim }, path, problems) {
    if (own.dim > dim)
      problems.add(
        `${path}.low_dim.dim`,
        `${own.dim} exceeds the table's dim, ${dim}`,
        "lower it below the table's dim",
      );
  },
  rowDim: ({ dim }) => dim,
  bytes: (own, spec) => denseBytes(own.dim * spec.dim, own.optimizer) + exactBytes({ ...spec, dim: own.dim }),
  split({ distinct, alpha = defaults.alpha, ...own }, whole, path, problems) {
    return distinct && mixedDimensions(distinct, alpha, own, whole, `${path}.distinct`, problems);
  },
  async create(spec, own, options, encode) {
    const { createLowDim } = await import("./low_dim.js");
    return createLowDim(spec, own, options, encode);
  },
});
