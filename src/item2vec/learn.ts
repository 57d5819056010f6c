import { systemClock } from "../core/clock.js";
import { HashbrookError } from "../core/errors.js";
import { Rng } from "../core/rng.js";
import { type Word2vecKernel, word2vecKernel } from "../kernels/word2vec.js";
import type { Sequences } from "./sequences.js";
import type { Item2vecSettings } from "./settings.js";

/** Progress of learning. */
export interface Item2vecProgress {
  /** The current pass, from 1. */
  readonly epoch: number;
  /** Occurrences of ids processed, over all epochs. */
  readonly words: number;
  /** Since learning began: without the time that reading took. */
  readonly seconds: number;
  /** Share of all work, 0 to 1. */
  readonly done: number;
}

/** Ids per kernel call; the learning rate is updated between calls. */
const CHUNK = 8192;
const END = 0xffffffff;
const LEAST_RATE = 1e-4;

/**
 * Learns a vector of every id of the sequences. Same sequences, settings and seed: same bytes.
 * @param onProgress called after every chunk of some thousand ids, and awaited
 * @returns f32[ids × dim], row-major
 * @throws HashbrookError table_full if the vectors need more than 4 GiB
 */
export async function learnVectors(
  sequences: Sequences,
  settings: Item2vecSettings,
  onProgress: (progress: Item2vecProgress) => void | Promise<void> = () => {},
): Promise<Float32Array> {
  const { dim, epochs, seed } = settings;
  const { tokens, counts } = sequences;
  const chunks = chunksOf(tokens);
  const { kernel, memory } = kernelFor(counts.length, settings, longestOf(chunks));
  const lanes = (dim + 3) & ~3;
  const inputs = () => new Float32Array(memory.buffer, kernel.inputsAt() >>> 0, counts.length * lanes);
  start(inputs(), dim, lanes, seed);
  prepare(kernel, memory, counts, settings);
  const rng = new Rng(seed + 1);
  const begun = systemClock.now();
  let passed = 0;
  let words = 0;
  for (let epoch = 1; epoch <= epochs; epoch++) {
    for (const [from, to] of chunks) {
      const rate = settings.rate * Math.max(LEAST_RATE, 1 - passed / (epochs * tokens.length));
      const chunk = tokens.subarray(from, to);
      new Uint32Array(memory.buffer, kernel.idsAt() >>> 0, chunk.length).set(chunk);
      kernel.train(chunk.length, drawn64(rng), rate);
      passed += chunk.length;
      words += chunk.reduce((sum, token) => sum + Number(token !== END), 0);
      const seconds = (systemClock.now() - begun) / 1000;
      const told = onProgress({ epoch, words, seconds, done: passed / (epochs * tokens.length) });
      if (told) await told;
    }
  }
  return packed(inputs(), dim, lanes);
}

/** A kernel with memory for all vectors. @param longest most ids of a chunk */
function kernelFor(
  ids: number,
  { dim, window, negative, architecture }: Item2vecSettings,
  longest: number,
): NonNullable<ReturnType<typeof word2vecKernel>> {
  const opened = word2vecKernel({ ids, dim, window, negative, cbow: architecture === "cbow", longest });
  if (opened) return opened;
  throw new HashbrookError(
    "table_full",
    `vectors of ${ids} ids with dim ${dim}, and ${negative} negatives, need more than 4 GiB`,
    { hint: "use a smaller --dim or --negative, or a larger --min-count" },
  );
}

const drawn64 = (rng: Rng): bigint => (BigInt(rng.below(2 ** 32)) << 32n) | BigInt(rng.below(2 ** 32));

const longestOf = (chunks: readonly (readonly [number, number])[]): number =>
  chunks.reduce((most, [from, to]) => Math.max(most, to - from), 1);

/** Ranges [from, to) of complete sequences, with some thousand ids each. */
function chunksOf(tokens: Uint32Array): (readonly [number, number])[] {
  const chunks: (readonly [number, number])[] = [];
  let from = 0;
  for (let at = 0; at < tokens.length; at++) {
    if (tokens[at] !== END || (at + 1 - from < CHUNK && at + 1 < tokens.length)) continue;
    chunks.push([from, at + 1]);
    from = at + 1;
  }
  return chunks;
}

/** Uniform in ±0.5 / dim; padding stays 0. */
function start(inputs: Float32Array, dim: number, lanes: number, seed: number): void {
  const rng = new Rng(seed);
  for (let row = 0; row < inputs.length; row += lanes)
    for (let c = 0; c < dim; c++) inputs[row + c] = (rng.uniform() - 0.5) / dim;
}

/** Prepares the sampling table, and the probabilities of keeping an id. */
function prepare(
  kernel: Word2vecKernel,
  memory: WebAssembly.Memory,
  counts: Uint32Array,
  { exponent, sample }: Item2vecSettings,
): void {
  const weights = Float64Array.from(counts, (count) => kernel.power(count, exponent));
  layAlias(weights, new Uint32Array(memory.buffer, kernel.aliasAt() >>> 0, 2 * counts.length));
  const keep = new Uint32Array(memory.buffer, kernel.keepAt() >>> 0, counts.length);
  const total = counts.reduce((sum, count) => sum + count, 0);
  counts.forEach((count, id) => {
    const frequency = count / (sample * total);
    const chance = sample > 0 ? (Math.sqrt(frequency) + 1) / frequency : 1;
    keep[id] = chance >= 1 ? END : Math.floor(chance * 2 ** 32);
  });
}

/** Walker's alias method (Vose 1991): {probability of the slot's own id, the other id}. */
function layAlias(weights: Float64Array, table: Uint32Array): void {
  const mean = weights.reduce((sum, weight) => sum + weight, 0) / weights.length;
  const left = weights.map((weight) => weight / mean);
  const small: number[] = [];
  const large: number[] = [];
  left.forEach((share, id) => {
    (share < 1 ? small : large).push(id);
  });
  while (small.length > 0 && large.length > 0) {
    const id = small.pop()!;
    const other = large.at(-1)!;
    table[2 * id] = Math.floor(left[id] * 2 ** 32);
    table[2 * id + 1] = other;
    left[other] -= 1 - left[id];
    if (left[other] < 1) small.push(large.pop()!);
  }
  for (const id of [...small, ...large]) {
    table[2 * id] = END;
    table[2 * id + 1] = id;
  }
}

function packed(inputs: Float32Array, dim: number, lanes: number): Float32Array {
  if (dim === lanes) return inputs.slice();
  const vectors = new Float32Array((inputs.length / lanes) * dim);
  for (let id = 0; id < inputs.length / lanes; id++)
    vectors.set(inputs.subarray(id * lanes, id * lanes + dim), id * dim);
  return vectors;
}
