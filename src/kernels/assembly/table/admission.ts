// Admission: which new keys of an exact table get a row. Occurrences of the other keys use the default row.
//
// occurrence_threshold: a filter counts the occurrences of keys without a row. It is an array of buckets, one per hash
// of a key, of two cache lines, each a SpaceSaving summary (Metwally et al. 2005) of 16 cells {tag u16, count u16}. A
// key whose tag has no cell takes a free one, or the smallest, whose count it continues. So no key's count is below its
// number of occurrences, and it is too high only if two keys share bucket and tag (1 in 65,535) or if a bucket is full.
// Ageing: one line of a bucket counts, the other keeps earlier counts; a key's count is the sum of both. A hand
// advances by one bucket every 8 occurrences: the bucket's older line is emptied and counts from then on. Counts
// therefore cover at least the last 8 x buckets occurrences and at most twice as many, and the work is spread evenly.
import { life } from "./lifecycle";
import { mix } from "./initial";
import { workspace, workspaceOf } from "./memory";
import { rowFor } from "./new-rows";
import { NONE } from "./row-places";
import { DEFAULT_KEY } from "./default-row";
import { rowOf } from "./store";

const LINE_CELLS: usize = 16;
/** Bytes of a bucket and of a line. */
const LINE: usize = 4 * LINE_CELLS;
const BUCKET: usize = 2 * LINE;
/** Occurrences between two steps of the hand: half the cells of a line are used when it stops counting. */
const TURN: u64 = 8;

export let admitting: bool = false;
let threshold: u32 = 0;
let probability: f64 = 1;
let salt: u64 = 0;
let filterAt: usize = 0;
let buckets: u32 = 0;

/**
 * Allocates the filter's workspace. `occurrences` = 0: admission with probability `chance`, without a filter. False if
 * there is no room.
 */
export function openAdmission(seed: u64, occurrences: u32, buckets_: u32, chance: f64): bool {
  admitting = true;
  threshold = occurrences;
  probability = chance;
  salt = mix(seed + 0x61646d697373696f);
  if (threshold == 0) return true;
  buckets = buckets_;
  filterAt = workspaceOf(buckets, BUCKET);
  return filterAt != 0;
}

export function filterAddress(): usize {
  return filterAt;
}

/** Decides on the admission of a key without a row, for one occurrence. */
export function admits(key: u64): bool {
  if (key == DEFAULT_KEY) return true;
  const asked = <u64>life().asked;
  life().asked = <f64>(asked + 1);
  const yes = threshold > 0 ? count(key, asked) >= threshold : drawn(key, asked) < probability;
  if (yes) life().admitted++;
  else life().refused++;
  return yes;
}

/**
 * The row that an occurrence updates: its key's row, created if admitted, else the default row. `row` is the result of
 * the look-up.
 */
@inline
export function admittedRow(key: u64, row: u32): u32 {
  if (row != NONE) return row;
  const found = rowOf(key);
  if (found != NONE) return found;
  return rowFor(admits(key) ? key : DEFAULT_KEY);
}

/** A pseudo-random number in [0, 1), from the seed, the key and the number of draws so far. */
@inline
function drawn(key: u64, asked: u64): f64 {
  return <f64>(mix(mix(asked + salt) ^ key) >> 11) * (1.0 / 9007199254740992.0);
}

/** Counts an occurrence; returns the filter's count of the key. */
function count(key: u64, asked: u64): u32 {
  const hash = mix(key ^ salt);
  const bucket = <u32>(((hash >> 32) * <u64>buckets) >> 32);
  const tag = 1 + <u32>((hash & 0xffffffff) % 65535);
  if (asked % TURN == TURN - 1) turn(<u32>((asked / TURN) % buckets), asked);
  const base = filterAt + <usize>bucket * BUCKET;
  const counting = base + lineOf(bucket, asked + 1);
  const kept = base + (LINE - (counting - base));
  const old = cellOf(kept, tag);
  const cell = cellOf(counting, tag);
  const before = old ? countAt(old) : leastOf(kept);
  const sum = before + (cell ? raise(cell, tag, countAt(cell)) : enter(counting, tag));
  if (!old && !cell) estimateFalse(base, sum);
  return sum;
}

/** Byte offset in a bucket of the line that counts after `asked` occurrences. */
@inline
function lineOf(bucket: u32, asked: u64): usize {
  const turns = asked / TURN;
  return <usize>((turns / buckets + u64(<u64>bucket < turns % buckets)) & 1) * LINE;
}

/** Empties a bucket's line that starts to count. */
@inline
function turn(bucket: u32, asked: u64): void {
  memory.fill(filterAt + <usize>bucket * BUCKET + lineOf(bucket, asked + 1), 0, LINE);
}

/** Address of the cell with a tag, 0 if there is none. */
function cellOf(line: usize, tag: u32): usize {
  const tags = i32x4.splat(tag);
  for (let at = line; at < line + LINE; at += 16) {
    const hits = i32x4.bitmask(i32x4.eq(i32x4.shr_u(v128.load(at), 16), tags));
    if (hits) return at + ((<usize>ctz(hits)) << 2);
  }
  return 0;
}

@inline
function countAt(cell: usize): u32 {
  return load<u16>(cell);
}

/** Assigns a cell to a tag, with the count `before` + 1; counts saturate at 65,535. */
@inline
function raise(cell: usize, tag: u32, before: u32): u32 {
  const count = min<u32>(before + 1, 65535);
  store<u32>(cell, (tag << 16) | count);
  return count;
}

/** Counts the first occurrence of a tag in a line, in a free cell or in the one with the smallest count. */
function enter(line: usize, tag: u32): u32 {
  let least = line;
  for (let at = line; at < line + LINE; at += 4) if (countAt(at) < countAt(least)) least = at;
  return raise(least, tag, countAt(least));
}

/** Upper bound of the count of a tag without a cell: the smallest count, 0 if a cell is free. */
function leastOf(line: usize): u32 {
  let least = countAt(line);
  for (let at = line + 4; at < line + LINE; at += 4) least = min(least, countAt(at));
  return least;
}

/**
 * Estimates false admissions: a key seen for the first time is admitted too early if full lines pass on their counts to
 * it, or would be if it shared the tag of a cell near the threshold. The probability of that is added.
 */
function estimateFalse(bucket: usize, sum: u32): void {
  if (sum >= threshold) {
    life().falselyAdmitted++;
    return;
  }
  let near: u32 = 0;
  for (let at = bucket; at < bucket + BUCKET; at += 4) near += u32(countAt(at) + 1 >= threshold);
  if (near > 0) life().falselyAdmitted += <f64>near / 65535;
}
