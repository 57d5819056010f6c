// Kernel module `hotness`: which ids of a table earn a row of their own (hot_cold). Ids without one are scored in a sketch, ids
// with one by row. After every batch the scores of its ids grow, all scores fade bit by bit, and ids of the batch that are hot
// now are noted as pending; the host gives them rows before the next batch.
import { chooseVictim, decayRows, drop, NONE, openRows, room, SAMPLE, setScore, warm } from "./rows";
import { add, buckets, decayBuckets, openSketch, release, touchBucket } from "./sketch";
import { workspace, workspaceOf } from "../table/memory";

export { boundOf, bucketsAt, scoreOf } from "./sketch";
export { scoresAt } from "./rows";

/** Ids whose buckets are brought into the cache together. */
const BLOCK: u32 = 128;

/** What the control block begins with; the pending ids follow. */
@unmanaged
class Counters {
  steps: u64;
  promoted: u64;
  demoted: u64;
  /** Keys of all batches with a row, and all. */
  hotKeys: u64;
  keys: u64;
  /** Where the next look for a cold row begins. */
  hand: u32;
  pending: u32;
}

/** A pending id. */
@unmanaged
class Entry {
  key: u64;
  score: f32;
  /** The row it takes over, or NONE. */
  victim: u32;
}
const ENTRY_BYTES: usize = offsetof<Entry>();

let decay: f32 = 1;
let decaySteps: u32 = 1;
let threshold: f32 = 0;
let mostPending: u32 = 0;

/** The counters and the pending ids: with the buckets and the scores, all that is remembered. */
export let controlAt: usize = 0;
/** What the host writes of a batch: u64 keys[capacity], u32 rows[capacity] (NONE where cold), f32 gains[capacity]. */
export let keysAt: usize = 0;
export let rowsAt: usize = 0;
export let gainsAt: usize = 0;

/** Kept where the compiler cannot see that nobody reads it. */
let warmth: u32 = 0;

/** Takes the memory for a sketch of `buckets` × 4 ids and `rows` hot rows. False where the memory limit does not allow it. */
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

/** What a key gains: its gain times `scale`; 0 where that is no number to add. */
@inline
function gainAt(u: u32, scale: f32): f32 {
  const x = load<f32>(gainsAt + ((<usize>u) << 2)) * scale;
  return x > 0 && x < Infinity ? x : 0;
}

/**
 * Scores a batch of `n` distinct keys, of which those with a row have one of the `rows` first; notes which become hot.
 * Take what was pending before.
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

/** Multiplies this step's share of all scores by the decay: each score once in every `decaySteps` steps. */
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

/** Notes a hot id: for a free row (`rows` NONE), or for one of the `rows` rows, if one is clearly colder. */
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

/** Takes the pending ids out of the sketch; returns how many lie at `pendingAt()` until the next `observe`. */
export function takePending(): u32 {
  const pending = counters().pending;
  for (let i: u32 = 0; i < pending; i++) release(entry(i).key);
  counters().pending = 0;
  return pending;
}

export function pendingAt(): usize {
  return controlAt + offsetof<Counters>();
}

/** A key has given up its row, into whose place the last of `rows` moves: the sketch takes its score back. */
export function demote(key: u64, row: u32, rows: u32): void {
  const score = drop(row, rows);
  if (score > 0) add(key, score);
  counters().demoted++;
}

/** A key has got a row. */
export function promote(row: u32, score: f32): void {
  setScore(row, score);
  counters().promoted++;
}
