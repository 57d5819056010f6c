// HotSketch of CAFE (Zhang et al. 2024): w buckets of 4 cells, each bucket a SpaceSaving summary (Metwally et al.
// 2005). A bucket is one cache line: u64 keys[4], f32 scores[4], f32 errors[4]. A cell's score is the sum of its id's
// gains since it entered the sketch; its error bounds the gains before that: the total is at least score and at most
// score + error. A cell of score 0 is free; its error is inherited by the next id there.
import { mix } from "../table/initial";
import { workspaceOf } from "../table/memory";

const BUCKET_BYTES: usize = 64;
const CELLS: usize = 4;
const SCORES: usize = 32;
const ERRORS: usize = 48;
/** Smaller scores and errors become 0, since repeated decay would make them subnormal numbers, which are slow. */
const FAINT: f32 = 1e-30;

export let bucketsAt: usize = 0;
export let buckets: u32 = 0;
let seed: u64 = 0;

export function openSketch(buckets_: u32, seed_: u64): bool {
  buckets = buckets_;
  seed = seed_;
  bucketsAt = workspaceOf(buckets, <u32>BUCKET_BYTES);
  return bucketsAt != 0;
}

@inline
function bucketOf(key: u64): usize {
  return bucketsAt + <usize>(((mix(key ^ seed) >> 32) * <u64>buckets) >> 32) * BUCKET_BYTES;
}

/** Prefetches a key's bucket by reading one of its bytes. */
@inline
export function touchBucket(key: u64): u32 {
  return load<u8>(bucketOf(key));
}

@inline
function scoreIn(bucket: usize, cell: usize): f32 {
  return load<f32>(bucket + (cell << 2), SCORES);
}

@inline
function boundIn(bucket: usize, cell: usize): f32 {
  return scoreIn(bucket, cell) + load<f32>(bucket + (cell << 2), ERRORS);
}

/** The cell of a key, or CELLS if it has none. */
@inline
function cellOf(bucket: usize, key: u64): usize {
  let cell: usize = 0;
  while (cell < CELLS && (load<u64>(bucket + (cell << 3)) != key || scoreIn(bucket, cell) == 0)) cell++;
  return cell;
}

/** The cell for a new key: the first free one, else the first of those with the smallest bound. */
@inline
function cellForNew(bucket: usize): usize {
  let least: usize = 0;
  for (let cell: usize = 0; cell < CELLS; cell++) {
    if (scoreIn(bucket, cell) == 0) return cell;
    if (boundIn(bucket, cell) < boundIn(bucket, least)) least = cell;
  }
  return least;
}

/** Adds x > 0 to a key's score, entering the key if needed; returns the score. */
export function add(key: u64, x: f32): f32 {
  const bucket = bucketOf(key);
  let cell = cellOf(bucket, key);
  if (cell == CELLS) {
    cell = cellForNew(bucket);
    store<f32>(bucket + (cell << 2), boundIn(bucket, cell), ERRORS);
    store<f32>(bucket + (cell << 2), 0, SCORES);
    store<u64>(bucket + (cell << 3), key);
  }
  const score = scoreIn(bucket, cell) + x;
  store<f32>(bucket + (cell << 2), score, SCORES);
  return score;
}

/**
 * Frees a key's cell. Its next id inherits the smallest bound of the other cells, which bounds the gains of any id not
 * in the bucket.
 */
export function release(key: u64): void {
  const bucket = bucketOf(key);
  const cell = cellOf(bucket, key);
  if (cell == CELLS) return;
  store<f32>(bucket + (cell << 2), 0, SCORES);
  let least: f32 = Infinity;
  for (let other: usize = 0; other < CELLS; other++) if (other != cell) least = min(least, boundIn(bucket, other));
  store<f32>(bucket + (cell << 2), least, ERRORS);
}

/** Lower bound of a key's total gain; 0 if it is not in the sketch. */
export function scoreOf(key: u64): f32 {
  const bucket = bucketOf(key);
  const cell = cellOf(bucket, key);
  return cell == CELLS ? 0 : scoreIn(bucket, cell);
}

/** Upper bound of the total gain of a key without a row. */
export function boundOf(key: u64): f32 {
  const bucket = bucketOf(key);
  const cell = cellOf(bucket, key);
  return boundIn(bucket, cell == CELLS ? cellForNew(bucket) : cell);
}

/** Multiplies scores and errors of buckets `from` to `to` (exclusive) by `decay`. */
export function decayBuckets(from: u32, to: u32, decay: f32): void {
  const end = bucketsAt + <usize>to * BUCKET_BYTES;
  for (let at = bucketsAt + <usize>from * BUCKET_BYTES; at < end; at += BUCKET_BYTES) {
    v128.store(at, faded(v128.load(at, SCORES), decay), SCORES);
    v128.store(at, faded(v128.load(at, ERRORS), decay), ERRORS);
  }
}

/** x * decay; 0 if the result is below FAINT. */
@inline
export function faded(x: v128, decay: f32): v128 {
  const y = f32x4.mul(x, f32x4.splat(decay));
  return v128.and(y, f32x4.ge(f32x4.abs(y), f32x4.splat(FAINT)));
}
