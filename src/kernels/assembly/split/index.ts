// Kernel module `split`: a batch's distinct keys divided among parts (the shards of a table; hot and cold rows), the
// parts' vectors put back in the batch's order, and the batch's gradients put in the parts' order. "Part order" = all
// keys of part 0, then those of part 1, …, each part's in the batch's order.
import { mix } from "../table/initial";
import { copyFloats, sumLanes } from "../table/lanes";
import { workspaceOf } from "../table/memory";

export { setLimit } from "../table/memory";

const NONE: u32 = 0xffffffff;

let dim: u32 = 0;
let parts: u32 = 0;

/** u64[capacity]: the batch's keys. */
export let keysAt: usize = 0;
/** u32[capacity]: the keys' rows in part 0, for `byRow`. */
export let rowsAt: usize = 0;
/** f32[capacity × dim] each, in the batch's order. */
export let vectorsAt: usize = 0;
export let gradientsAt: usize = 0;
/** f32[capacity]: the gradients' lengths, from `measure`. */
export let normsAt: usize = 0;
/** u64[capacity] and f32[capacity × dim] each, in part order. */
export let partKeysAt: usize = 0;
export let partVectorsAt: usize = 0;
export let partGradientsAt: usize = 0;
/** u32[parts + 1]: where each part's keys begin in part order; the last is the number of keys. */
export let startsAt: usize = 0;
/** u8[capacity]: each key's part. */
let partAt: usize = 0;
/** u32[capacity]: the place in the batch of each key in part order. */
let orderAt: usize = 0;

/**
 * Takes the memory for batches of up to `capacity` keys; at most 256 parts. False where the memory limit does not allow
 * it.
 */
export function open(capacity: u32, dim_: u32, parts_: u32): bool {
  dim = dim_;
  parts = parts_;
  keysAt = workspaceOf(capacity, 8);
  rowsAt = workspaceOf(capacity, 4);
  vectorsAt = workspaceOf(capacity, dim << 2);
  gradientsAt = workspaceOf(capacity, dim << 2);
  normsAt = workspaceOf(capacity, 4);
  partKeysAt = workspaceOf(capacity, 8);
  partVectorsAt = workspaceOf(capacity, dim << 2);
  partGradientsAt = workspaceOf(capacity, dim << 2);
  startsAt = workspaceOf(parts + 1, 4);
  partAt = workspaceOf(capacity, 1);
  orderAt = workspaceOf(capacity, 4);
  return orderAt != 0;
}

/** The part `byHash` gives to a key: the high bits of a hash whose seed differs from that of any table's index. */
export function partOf(key: u64, seed: u64): u32 {
  return <u32>(((mix(key ^ seed) >> 32) * <u64>parts) >> 32);
}

/** Divides `count` keys evenly among the parts, by their hash. */
export function byHash(count: u32, seed: u64): void {
  for (let u: u32 = 0; u < count; u++) store<u8>(partAt + u, <u8>partOf(keyAt(u), seed));
  sort(count);
}

/** Keys with a row are part 0, those without (row 0xffffffff) part 1. */
export function byRow(count: u32): void {
  for (let u: u32 = 0; u < count; u++) store<u8>(partAt + u, <u8>(load<u32>(rowsAt + ((<usize>u) << 2)) == NONE));
  sort(count);
}

@inline
function keyAt(u: u32): u64 {
  return load<u64>(keysAt + ((<usize>u) << 3));
}

/** Counting sort by part. starts[p] is first where part p begins, then grows to where it ends, then moves up by one. */
function sort(count: u32): void {
  memory.fill(startsAt, 0, (<usize>(parts + 1)) << 2);
  for (let u: u32 = 0; u < count; u++) {
    const at = startsAt + ((<usize>load<u8>(partAt + u)) << 2);
    store<u32>(at, load<u32>(at, 4) + 1, 4);
  }
  for (let at = startsAt, end = startsAt + ((<usize>parts) << 2); at < end; at += 4) {
    store<u32>(at, load<u32>(at) + load<u32>(at, 4), 4);
  }
  for (let u: u32 = 0; u < count; u++) {
    const at = startsAt + ((<usize>load<u8>(partAt + u)) << 2);
    const i = load<u32>(at);
    store<u32>(at, i + 1);
    store<u32>(orderAt + ((<usize>i) << 2), u);
    store<u64>(partKeysAt + ((<usize>i) << 3), keyAt(u));
  }
  memory.copy(startsAt + 4, startsAt, (<usize>parts) << 2);
  store<u32>(startsAt, 0);
}

@inline
function placeOf(i: u32): usize {
  return (<usize>load<u32>(orderAt + ((<usize>i) << 2)) * dim) << 2;
}

/** vectors = the parts' vectors, in the batch's order. */
export function spread(count: u32): void {
  for (let i: u32 = 0; i < count; i++) copyFloats(vectorsAt + placeOf(i), partVectorsAt + ((<usize>i * dim) << 2), dim);
}

/** The parts' gradients = the batch's, in part order. */
export function collect(count: u32): void {
  for (let i: u32 = 0; i < count; i++)
    copyFloats(partGradientsAt + ((<usize>i * dim) << 2), gradientsAt + placeOf(i), dim);
}

/** Writes the length (L2 norm) of each of `count` gradients to norms; returns their mean, 0 for no keys. */
export function measure(count: u32): f64 {
  let sum: f64 = 0;
  for (let u: u32 = 0; u < count; u++) {
    const norm = lengthOf(gradientsAt + ((<usize>u * dim) << 2));
    store<f32>(normsAt + ((<usize>u) << 2), norm);
    sum += <f64>norm;
  }
  return count ? sum / <f64>count : 0;
}

@inline
function lengthOf(g: usize): f32 {
  const bytes = (<usize>dim) << 2;
  const whole = bytes & ~15;
  let squares = f32x4.splat(0);
  let i: usize = 0;
  for (; i < whole; i += 16) {
    const x = v128.load(g + i);
    squares = f32x4.add(squares, f32x4.mul(x, x));
  }
  let sum = sumLanes(squares);
  for (; i < bytes; i += 4) sum += load<f32>(g + i) * load<f32>(g + i);
  return sqrt<f32>(sum);
}
