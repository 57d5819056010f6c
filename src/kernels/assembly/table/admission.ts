// Admission: which new keys of an exact table get a row. The occurrences of the others go to the default row.
//
// occurrence_threshold: a filter counts the occurrences of keys without a row. It is an array of buckets, a key belongs in one:
// two cache lines, each a SpaceSaving summary (Metwally et al. 2005) of 16 cells {tag u16, count u16}. A key whose tag is in no
// cell takes a free one, or the smallest, and goes on counting from that. So no key has a count below the number of its
// occurrences, and too high a one only where two keys share bucket and tag (1 in 65,535) or where a bucket is full.
// Ageing: one line of a bucket counts, the other keeps what was counted before; a key's count is the sum of both. A hand
// turns one bucket for every 8 occurrences: the older line is emptied and counts from then on. Counts so hold at least
// the last 8 x buckets occurrences, at most twice as many, and no moment has more to do than another.
import { life } from "./lifecycle";
import { mix } from "./initial";
import { workspace, workspaceOf } from "./memory";
import { rowFor } from "./new-rows";
import { NONE } from "./row-places";
import { DEFAULT_KEY, rowOf } from "./store";

const LINE_CELLS: usize = 16;
/** Bytes of a bucket and of a line. */
const LINE: usize = 4 * LINE_CELLS;
const BUCKET: usize = 2 * LINE;
/** Occurrences from one turn of the hand to the next: half the cells of a line are taken when it stops to count. */
const TURN: u64 = 8;

export let admitting: bool = false;
let threshold: u32 = 0;
let probability: f64 = 1;
let salt: u64 = 0;
let filterAt: usize = 0;
let buckets: u32 = 0;

/**
 * Takes the workspace of the filter. `occurrences` = 0: by `chance` alone, without a filter. False where there is no room.
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

/** Decides on an occurrence of a key that has no row. */
export function admits(key: u64): bool {
  if (key == DEFAULT_KEY) return true;
  const asked = <u64>life().asked;
  life().asked = <f64>(asked + 1);
  const yes = threshold > 0 ? count(key, asked) >= threshold : drawn(key, asked) < probability;
  if (yes) life().admitted++;
  else life().refused++;
  return yes;
}

/** The row an occurrence learns from: its key's, made where that is admitted, else the default row. Has `row` for a start. */
@inline
export function admittedRow(key: u64, row: u32): u32 {
  if (row != NONE) return row;
  const found = rowOf(key);
  if (found != NONE) return found;
  return rowFor(admits(key) ? key : DEFAULT_KEY);
}

/** A number in [0, 1): by seed, key and how many were drawn before. */
@inline
function drawn(key: u64, asked: u64): f64 {
  return <f64>(mix(mix(asked + salt) ^ key) >> 11) * (1.0 / 9007199254740992.0);
}

/** Counts an occurrence; returns how many the filter knows of. */
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

/** Byte offset in a bucket of the line that counts once `asked` occurrences were asked about. */
@inline
function lineOf(bucket: u32, asked: u64): usize {
  const turns = asked / TURN;
  return <usize>((turns / buckets + u64(<u64>bucket < turns % buckets)) & 1) * LINE;
}

/** Empties the line of a bucket that begins to count. */
@inline
function turn(bucket: u32, asked: u64): void {
  memory.fill(filterAt + <usize>bucket * BUCKET + lineOf(bucket, asked + 1), 0, LINE);
}

/** Address of the cell with a tag, 0 where there is none. */
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

/** Gives a cell to a tag, with one more than `before`; counts stop at 65,535. */
@inline
function raise(cell: usize, tag: u32, before: u32): u32 {
  const count = min<u32>(before + 1, 65535);
  store<u32>(cell, (tag << 16) | count);
  return count;
}

/** Counts the first occurrence of a tag in a line: in a free cell, else in the one with the smallest count. */
function enter(line: usize, tag: u32): u32 {
  let least = line;
  for (let at = line; at < line + LINE; at += 4) if (countAt(at) < countAt(least)) least = at;
  return raise(least, tag, countAt(least));
}

/** The most that a tag without a cell can have been counted: the smallest count, 0 where a cell is free. */
function leastOf(line: usize): u32 {
  let least = countAt(line);
  for (let at = line + 4; at < line + LINE; at += 4) least = min(least, countAt(at));
  return least;
}

/**
 * A key that the filter sees for the first time is admitted too early where full lines lend it their counts, or would have
 * been where it had the tag of a cell that is near the threshold: the chance of that is what is added.
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
