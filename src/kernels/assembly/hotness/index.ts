// Kernel module `hotness`: selects the ids of a table that get a row of their own (hot_cold). Ids without a row are
// scored in a sketch, ids with one by row. After every batch the scores of its ids grow, all scores decay a little, and
// ids of the batch that have become hot are noted as pending; the host gives them rows before the next batch.
import { chooseVictim, decayRows, drop, NONE, openRows, room, SAMPLE, setScore, warm } from "./rows";
import { add, buckets, decayBuckets, openSketch, release, touchBucket } from "./sketch";
import { workspace, workspaceOf } from "../table/memory";

export { boundOf, bucketsAt, scoreOf } from "./sketch";
export { scoresAt } from "./rows";

/** Number of ids whose buckets are prefetched together. */
const BLOCK: u32 = 128;

/** Header of the control block; the pending ids follow. */
@unmanaged
class Counters {
  steps: u64;
  promoted: u64;
  demoted: u64;
  /** Number of keys in all batches that had a row, and of all keys. */
  hotKeys: u64;
  keys: u64;
  /** Row at which the next search for a cold row begins. */
  hand: u32;
  pending: u32;
}

/** A pending id. */
@unmanaged
class Entry {
  key: u64;
  score: f32;
  /** The row it takes over, or NONE for a free one. */
  victim: u32;
}
const ENTRY_BYTES: usize = offsetof<Entry>();

let decay: f32 = 1;
let decaySteps: u32 = 1;
let threshold: f32 = 0;
let mostPending: u32 = 0;

/** The counters and the pending ids. Together with buckets and scores they are the complete state. */
export let controlAt: usize = 0;
/**
 * Input of a batch, written by the host: u64 keys[capacity], u32 rows[capacity] (NONE if cold), f32 gains[capacity].
 */
export let keysAt: usize = 0;
export let rowsAt: usize = 0;
export let gainsAt: usize = 0;

/** Sum of prefetched bytes, stored so that the compiler does not remove the loads. */
let warmth: u32 = 0;

/** Allocates a sketch of `buckets` × 4 ids and `rows` hot rows. False if the memory limit is exceeded. */
export function open(capacity: u32, buckets_: u32, rows: u32, most: u32, seed: u64): bool {
  mostPending = min(most, capacity);
  keysAt = workspaceOf(capacity, 8);
  rowsAt = workspaceOf(capacity, 4);
  gainsAt = workspaceOf(capacity, 4);
  controlAt = workspace(offsetof<Counters>() + <usize>most * ENTRY_BYTES);
  return controlAt != 0 && openRows(rows) && openSketch(buckets_, seed);
}

/** Ids are hot from score `threshold` on; scores are multiplied by `decay` once in every `decaySteps` steps. */
export function configure(threshold_: f32, decay_: f32, decaySteps_: u32): void {
  threshold = threshold_;
  decay = decay_;
  decaySteps = decaySteps_;
}

@inline
function counters(): Counters {
  return changetype<Counters>(controlAt);
}

@inline
function entry(i: u32): Entry {
  return changetype<Entry>(pendingAt() + <usize>i * ENTRY_BYTES);
}

@inline
function keyAt(u: u32): u64 {
  return load<u64>(keysAt + ((<usize>u) << 3));
}

@inline
function rowAt(u: u32): u32 {
  return load<u32>(rowsAt + ((<usize>u) << 2));
}

/** A key's contribution to its score: its gain times `scale`; 0 if that is not a finite positive number. */
@inline
function gainAt(u: u32, scale: f32): f32 {
  const x = load<f32>(gainsAt + ((<usize>u) << 2)) * scale;
  return x > 0 && x < Infinity ? x : 0;
}

/**
 * Scores a batch of `n` distinct keys: first those that have one of the `rows` rows; notes ids that become hot. Take
 * the previous pending ids before.
 */
export function observe(n: u32, rows: u32, scale: f32): void {
  fade();
  for (let u: u32 = 0; u < n; u++) {
    if (rowAt(u) == NONE) continue;
    warm(rowAt(u), gainAt(u, scale));
    counters().hotKeys++;
  }
  counters().keys += n;
  let free = room - rows;
  for (let from: u32 = 0; from < n; from += BLOCK) {
    const to = min(from + BLOCK, n);
    for (let u = from; u < to; u++) if (rowAt(u) == NONE) warmth += touchBucket(keyAt(u));
    for (let u = from; u < to; u++) {
      const x = rowAt(u) == NONE ? gainAt(u, scale) : 0;
      if (x == 0) continue;
      const score = add(keyAt(u), x);
      if (score >= threshold && nominate(keyAt(u), score, free > 0 ? NONE : rows) && free > 0) free--;
    }
  }
}

/** Applies this step's share of the decay: each score is multiplied once in every `decaySteps` steps. */
function fade(): void {
  const step = counters().steps++ % decaySteps;
  if (decay == 1) return;
  decayBuckets(share(buckets, step), share(buckets, step + 1), decay);
  const quads = (room + 3) >> 2;
  decayRows(share(quads, step), share(quads, step + 1), decay);
}

@inline
function share(all: u32, step: u64): u32 {
  return <u32>((<u64>all * step) / decaySteps);
}

/** Notes a hot id for a free row (`rows` NONE), or for one of the `rows` rows if one is clearly colder. */
function nominate(key: u64, score: f32, rows: u32): bool {
  const pending = counters().pending;
  if (pending == mostPending) return false;
  const victim = rows == NONE ? NONE : findVictim(score, rows);
  if (rows != NONE && victim == NONE) return false;
  const noted = entry(pending);
  noted.key = key;
  noted.score = score;
  noted.victim = victim;
  counters().pending = pending + 1;
  return true;
}

function findVictim(score: f32, rows: u32): u32 {
  if (rows == 0) return NONE;
  const hand = counters().hand;
  counters().hand = (hand + SAMPLE) % rows;
  return chooseVictim(score, hand, rows);
}

/**
 * Removes the pending ids from the sketch; returns their number. They stay at `pendingAt()` until the next `observe`.
 */
export function takePending(): u32 {
  const pending = counters().pending;
  for (let i: u32 = 0; i < pending; i++) release(entry(i).key);
  counters().pending = 0;
  return pending;
}

export function pendingAt(): usize {
  return controlAt + offsetof<Counters>();
}

/** Records that a key lost its row, to which the last of `rows` rows moves: the key's score returns to the sketch. */
export function demote(key: u64, row: u32, rows: u32): void {
  const score = drop(row, rows);
  if (score > 0) add(key, score);
  counters().demoted++;
}

/** Records that a key got a row. */
export function promote(row: u32, score: f32): void {
  setScore(row, score);
  counters().promoted++;
}
