import { Rng } from "../core/rng.js";
import { createEncoding } from "../encodings/create.js";
import type { CompiledSpec, CompiledTable } from "../spec/compiled.js";
import { type Encoding, type EncodingOptions, NO_TIME } from "../tables/encoding.js";
import type { EncodingBase } from "../tables/spec.js";
import { learnsByEvent, rowOf } from "../towers/index.js";

/** Keys processed together. */
export const DISTIL_BATCH = 1024;

/** How far a new encoding is from its target vectors, after a pass over all keys. */
export interface Fit {
  /** Passes made, from 1. */
  readonly pass: number;
  /** Root mean squared difference per weight, relative to the weights' own root mean square: 0 = identical. */
  readonly error: number;
}

/** Keys and their target vectors: f32[keys × dim]. */
export interface Taught {
  readonly keys: BigUint64Array;
  readonly vectors: Float32Array;
}

export interface DistilOptions {
  readonly passes: number;
  /** Seed of the order of keys: same seed, same bytes. */
  readonly seed: number;
  readonly runtime: EncodingOptions["runtime"];
  readonly onPass?: (fit: Fit) => void;
}

/**
 * A model's table as it is stored: with rows of the length that the tower expects, and in one memory if the model learns
 * event by event, whatever `shards` says.
 */
export function storedTable({ tower }: CompiledSpec, table: CompiledTable): CompiledTable {
  const { shards: _, ...whole } = table;
  return { ...(learnsByEvent(tower.kind) ? whole : table), dim: rowOf(tower.kind, table).floats } as CompiledTable;
}

/** Opens an encoding to query its vectors, or to fit it. */
export function openDistilled(spec: EncodingBase, runtime: EncodingOptions["runtime"]): Promise<Encoding> {
  return createEncoding(spec, { capacity: DISTIL_BATCH, learns: true, serving: false, runtime });
}

/** An encoding's vectors for many keys. Changes nothing. */
export async function teach(encoding: Encoding, keys: BigUint64Array): Promise<Taught> {
  const { dim } = encoding;
  const vectors = new Float32Array(keys.length * dim);
  for (let from = 0; from < keys.length; from += DISTIL_BATCH) {
    const some = keys.subarray(from, from + DISTIL_BATCH);
    encoding.keys.set(some);
    await encoding.gather(some.length, "score", NO_TIME);
    vectors.set(encoding.vectors.subarray(0, some.length * dim), from * dim);
  }
  return { keys, vectors };
}

/**
 * Fits a fresh encoding to target vectors, with optimizer state as for rows never learned. Rows that belong to one id take the
 * vectors as they are (if not every id has one, the longest vectors, which have learned the most); shared rows and decoders are
 * fitted by least squares.
 * @returns the error, as in `Fit`
 */
export async function distil(
  encoding: Encoding,
  spec: EncodingBase,
  taught: Taught,
  options: DistilOptions,
): Promise<number> {
  const { owned } = encoding;
  if (!owned) await fit(encoding, spec, taught, options);
  else if (!owned.others) for (const some of chunks(taught, encoding.dim)) owned.plant(some);
  else {
    const { room, encoding: others, spec: otherSpec } = owned.others;
    const { hot, cold } = byLength(taught, encoding.dim, room);
    owned.plant({ keys: hot.keys, weights: hot.vectors });
    await fit(others, otherSpec, cold, options);
  }
  return distance(encoding, taught);
}

/** Least squares with AdaGrad on a separate encoding, whose weights are then copied into the requested one. */
async function fit(encoding: Encoding, spec: EncodingBase, taught: Taught, options: DistilOptions): Promise<void> {
  const fitted = await openDistilled(fitting(spec, rootMeanSquare(taught.vectors)), options.runtime);
  const order = Uint32Array.from(taught.keys.keys());
  const rng = new Rng(options.seed);
  for (let pass = 1; pass <= options.passes; pass++) {
    shuffle(order, rng);
    for (let from = 0; from < order.length; from += DISTIL_BATCH) {
      await step(fitted, taught, order.subarray(from, from + DISTIL_BATCH));
    }
    options.onPass?.({ pass, error: await distance(fitted, taught) });
  }
  encoding.stores.forEach((store, i) => {
    for (const chunk of fitted.stores[i].exportRows()) store.plant(chunk);
  });
  const blocks = (of: Encoding) => new Map(of.blocks().map((block) => [block.name, { data: block.data.slice() }]));
  const planted = encoding.stores.flatMap((store) => store.blocks().map(({ name }) => name));
  const own = blocks(encoding);
  encoding.restore(new Map([...blocks(fitted), ...planted.map((name) => [name, own.get(name)!] as const)]));
  await fitted.close();
}

/** The same encoding with rows that learn fast and in full precision. */
function fitting(spec: EncodingBase, size: number): EncodingBase {
  const { precision: _, rounding: __, ...rest } = spec;
  const optimizer = { kind: "adagrad", learning_rate: size || 1, initial_accumulator: 0, epsilon: 1e-10 } as const;
  return { ...rest, optimizer };
}

/** One gradient step on half the squared distance of some keys' vectors. */
async function step(encoding: Encoding, { keys, vectors }: Taught, some: Uint32Array): Promise<void> {
  const { dim } = encoding;
  encoding.keys.set(BigUint64Array.from(some, (i) => keys[i]));
  await encoding.gather(some.length, "learn", NO_TIME);
  const { vectors: given, gradients } = encoding;
  some.forEach((key, i) => {
    for (let c = 0; c < dim; c++) gradients[i * dim + c] = given[i * dim + c] - vectors[key * dim + c];
  });
  await encoding.backward();
  if (encoding.gradientsFinite()) encoding.apply();
}

async function distance(encoding: Encoding, { keys, vectors }: Taught): Promise<number> {
  const given = await teach(encoding, keys);
  const apart = rootMeanSquare(given.vectors.map((x, i) => x - vectors[i]));
  return apart / (rootMeanSquare(vectors) || 1);
}

function rootMeanSquare(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / Math.max(1, values.length));
}

/** The `count` keys with the longest vectors, and the others. */
function byLength({ keys, vectors }: Taught, dim: number, count: number): { hot: Taught; cold: Taught } {
  const squares = Float64Array.from(keys, (_, k) =>
    vectors.subarray(k * dim, (k + 1) * dim).reduce((sum, x) => sum + x * x, 0),
  );
  const ranked = Uint32Array.from(keys.keys()).sort((a, b) => squares[b] - squares[a] || a - b);
  const pick = (some: Uint32Array): Taught => {
    const picked = new Float32Array(some.length * dim);
    some.forEach((k, i) => {
      picked.set(vectors.subarray(k * dim, (k + 1) * dim), i * dim);
    });
    return { keys: BigUint64Array.from(some, (k) => keys[k]), vectors: picked };
  };
  return { hot: pick(ranked.subarray(0, count)), cold: pick(ranked.subarray(count)) };
}

function* chunks({ keys, vectors }: Taught, dim: number) {
  for (let from = 0; from < keys.length; from += DISTIL_BATCH) {
    const to = Math.min(keys.length, from + DISTIL_BATCH);
    yield { keys: keys.subarray(from, to), weights: vectors.subarray(from * dim, to * dim) };
  }
}

/** Fisher and Yates. */
function shuffle(order: Uint32Array, rng: Rng): void {
  for (let i = order.length - 1; i > 0; i--) {
    const j = rng.below(i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
}
