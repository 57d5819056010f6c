import { compileDense, Optimizer, optimizer } from "../../optimizers/schema.js";
import { optional, size, whole } from "../../schema/basics.js";
import { count, rows } from "../../schema/compiled.js";
import { Type } from "../../schema/typebox.js";
import { denseBytes } from "../../tables/bytes.js";
import { encoding, type Own } from "../kind.js";

/**
 * Of the configurations a CPU can train, a long code, a narrow decoder and AdaGrad learned best (docs/COMPRESSION.md).
 */
const defaults = {
  hashes: 128,
  code: "gaussian",
  depth: 2,
  width: 64,
  activation: "relu",
  batch_norm: false,
  optimizer: { adagrad: { learning_rate: 0.02 } },
  cache_rows: 65536,
} as const;
const code = ["uniform", "gaussian"] as const;
const activation = ["mish", "relu"] as const;

const source = {
  hashes: optional(size("Length of the hash code.", { default: defaults.hashes })),
  code: optional(Type.Enum(code, { default: defaults.code, description: "Distribution of the hash code." })),
  depth: whole("Number of hidden layers of the decoder.", defaults.depth, 16),
  width: optional(size("Number of units per hidden layer.", { default: defaults.width })),
  activation: optional(
    Type.Enum(activation, { default: defaults.activation, description: "Activation of the hidden layers." }),
  ),
  batch_norm: optional(
    Type.Boolean({
      default: defaults.batch_norm,
      description: "Batch norm before every activation; serving uses running statistics.",
    }),
  ),
  optimizer: optimizer(defaults.optimizer),
  cache_rows: whole("Number of decoded vectors that a scorer caches.", defaults.cache_rows),
};

const compiled = {
  /** Length of the code. */
  hashes: count(4096),
  code: Type.Enum(code),
  /** Hidden layers of the decoder and their width. */
  depth: count(16),
  width: count(4096),
  activation: Type.Enum(activation),
  batch_norm: Type.Boolean(),
  /** Optimizer of the decoder's weights. */
  optimizer: Optimizer,
  /** Number of decoded vectors that a scorer caches. */
  cache_rows: rows,
};

export type DheOptions = Own<typeof compiled>;

/** Deep hash embedding (Kang et al. 2021). */
export const dhe = encoding({
  description: "hash codes of the key, decoded by a small network; no rows",
  rows: "none",
  decodes: true,
  remedy: "lower width or hashes",
  source,
  compiled,
  compile: (given, { path, problems }) => ({
    ...defaults,
    ...given,
    optimizer: compileDense(given.optimizer ?? defaults.optimizer, `${path}.optimizer`, problems),
  }),
  bytes: decoderBytes,
  async create(spec, own, options) {
    const { DheEncoding } = await import("./dhe.js");
    return new DheEncoding(spec, own, options);
  },
});

/**
 * Bytes of the decoder: layers of `width` over a code of `hashes`, each with a bias (or, with batch norm, scale, shift,
 * running mean and variance), and a last one of `dim`.
 */
function decoderBytes({ hashes, width, depth, batch_norm, optimizer }: DheOptions, { dim }: { dim: number }): number {
  const layer = (inputs: number) => (inputs + (batch_norm ? 2 : 1)) * width;
  const weights = layer(hashes) + (depth - 1) * layer(width) + (width + 1) * dim;
  return denseBytes(weights, optimizer) + (batch_norm ? 8 * width * depth : 0);
}
