// Keys that are looked up in several rows of one hash table: k rows per key, one of each partition (or all of one
// pool), which are combined into its vector. `expand` turns U keys into U x k row numbers, singles of a batch of U rows
// and k cells (see batch.ts): X[U, k * dim] holds a key's rows side by side. `reduce` combines them into vectors,
// `scatter` propagates their gradients to dX.
import { gradientAt, outputAt } from "./batch";
import { keysAt } from "./distinct-rows";
import { mix } from "./initial";
import { addFloats, addScaled, copyFloats } from "./lanes";
import { workspaceOf } from "./memory";
import { dim } from "./row-state";

/** How k rows are combined: concatenated (X itself), summed, multiplied, or summed with the key's importances. */
const CONCAT: u32 = 0;
const SUM: u32 = 1;
const PRODUCT: u32 = 2;
const WEIGHED: u32 = 3;

/**
 * How a key selects its row in a partition: by a separate hash, by a digit, or by a remainder of id = key mod range.
 */
const HASHED: u32 = 0;
const DIGITS: u32 = 1;

@unmanaged
class Partition {
  seed: u64;
  /** Its first row. */
  first: u32;
  rows: u32;
  /** The product of the row counts of the preceding partitions, modulo 2^64. 0: above every id, whose digit is 0. */
  before: u64;
}
const PARTITION_BYTES: usize = offsetof<Partition>();

let parts: u32 = 0;
let combine: u32 = CONCAT;
let scheme: u32 = HASHED;
let range: u64 = 0;
let partitionsAt: usize = 0;
/** u64[U]: the keys, written by the host. */
export let sourceKeysAt: usize = 0;
/** f32[U x width]: the vectors and their gradients; X and dX themselves if rows are concatenated. */
export let vectorsAt: usize = 0;
export let vectorGradientsAt: usize = 0;
/** f32[U x k]: the importance of each row for its key (WEIGHED), and its gradient. */
export let importanceAt: usize = 0;
export let importanceGradientsAt: usize = 0;

/**
 * Allocates the workspace for up to `capacity` keys; call after `openBatch(capacity, k cells, k singles, ...)`, before
 * `open`. False if the memory limit is exceeded.
 */
export function openComposition(capacity: u32, parts_: u32, combine_: u32, scheme_: u32, range_: u64): bool {
  parts = parts_;
  combine = combine_;
  scheme = scheme_;
  range = range_;
  partitionsAt = workspaceOf(parts, PARTITION_BYTES);
  sourceKeysAt = workspaceOf(capacity, 8);
  importanceAt = workspaceOf(combine == WEIGHED ? capacity : 1, (<usize>parts) << 2);
  importanceGradientsAt = workspaceOf(combine == WEIGHED ? capacity : 1, (<usize>parts) << 2);
  vectorsAt = combine == CONCAT ? outputAt : workspaceOf(capacity, (<usize>dim) << 2);
  vectorGradientsAt = combine == CONCAT ? gradientAt : workspaceOf(capacity, (<usize>dim) << 2);
  return vectorGradientsAt != 0;
}

/** Describes partition `j`; call in order. */
export function setPartition(j: u32, seed: u64, first: u32, rows: u32): void {
  const at = partitionsAt + <usize>j * PARTITION_BYTES;
  const partition = changetype<Partition>(at);
  partition.seed = seed;
  partition.first = first;
  partition.rows = rows;
  const last = changetype<Partition>(at - PARTITION_BYTES);
  partition.before = j == 0 ? 1 : last.before * last.rows;
}

/** Converts the first `count` keys to their row numbers, as input of `gather`. */
export function expand(count: u32): void {
  let out = keysAt;
  for (let u: u32 = 0; u < count; u++) {
    const key = load<u64>(sourceKeysAt + ((<usize>u) << 3));
    const id = scheme == HASHED ? key : key % range;
    for (let at = partitionsAt, end = at + <usize>parts * PARTITION_BYTES; at < end; at += PARTITION_BYTES, out += 8) {
      const partition = changetype<Partition>(at);
      store<u64>(out, <u64>partition.first + <u64>rowIn(partition, id));
    }
  }
}

/** Maps a hash's upper half to a row (Lemire 2019): uniformly, without a division. */
@inline
function rowIn(partition: Partition, id: u64): u32 {
  const rows = <u64>partition.rows;
  if (scheme == HASHED) return <u32>(((mix(id ^ partition.seed) >> 32) * rows) >> 32);
  if (scheme != DIGITS) return <u32>(id % rows);
  return partition.before ? <u32>((id / partition.before) % rows) : 0;
}

/** Combines the rows of the first `count` keys into their vectors. */
export function reduce(count: u32): void {
  if (combine == CONCAT) return;
  const bytes = (<usize>dim) << 2;
  for (let u: u32 = 0; u < count; u++) {
    const rows = outputAt + <usize>u * parts * bytes;
    const out = vectorsAt + <usize>u * bytes;
    if (combine == WEIGHED) {
      const importance = importanceAt + ((<usize>(u * parts)) << 2);
      memory.fill(out, 0, bytes);
      for (let j: u32 = 0; j < parts; j++)
        addScaled(out, rows + <usize>j * bytes, dim, load<f32>(importance + ((<usize>j) << 2)));
      continue;
    }
    copyFloats(out, rows, dim);
    for (let j: u32 = 1; j < parts; j++) {
      if (combine == SUM) addFloats(out, rows + <usize>j * bytes, dim);
      else multiply(out, rows + <usize>j * bytes, dim);
    }
  }
}

/** Propagates the gradients of the first `count` vectors to those of their rows. */
export function scatter(count: u32): void {
  if (combine == CONCAT) return;
  const bytes = (<usize>dim) << 2;
  for (let u: u32 = 0; u < count; u++) {
    const from = vectorGradientsAt + <usize>u * bytes;
    for (let j: u32 = 0; j < parts; j++) {
      const to = gradientAt + (<usize>(u * parts) + j) * bytes;
      if (combine == PRODUCT) productGradient(u, j, from, to);
      else if (combine == SUM) copyFloats(to, from, dim);
      else weighedGradient(u, j, from, to);
    }
  }
}

/** d row_j = d times all other rows. */
function productGradient(u: u32, j: u32, d: usize, to: usize): void {
  const bytes = (<usize>dim) << 2;
  const rows = outputAt + <usize>u * parts * bytes;
  copyFloats(to, d, dim);
  for (let i: u32 = 0; i < parts; i++) if (i != j) multiply(to, rows + <usize>i * bytes, dim);
}

/** d row_j = p_j d; d p_j = d . row_j. */
function weighedGradient(u: u32, j: u32, d: usize, to: usize): void {
  const at = (<usize>(u * parts + j)) << 2;
  const row = outputAt + (<usize>(u * parts) + j) * ((<usize>dim) << 2);
  const importance = load<f32>(importanceAt + at);
  let sum: f32 = 0;
  for (let i: usize = 0, bytes = (<usize>dim) << 2; i < bytes; i += 4) {
    const di = load<f32>(d + i);
    store<f32>(to + i, importance * di);
    sum += di * load<f32>(row + i);
  }
  store<f32>(importanceGradientsAt + at, sum);
}

/** to[count] *= from[count]. */
@inline
function multiply(to: usize, from: usize, count: u32): void {
  const bytes = (<usize>count) << 2;
  const whole = bytes & ~15;
  let i: usize = 0;
  for (; i < whole; i += 16) v128.store(to + i, f32x4.mul(v128.load(to + i), v128.load(from + i)));
  for (; i < bytes; i += 4) store<f32>(to + i, load<f32>(to + i) * load<f32>(from + i));
}
