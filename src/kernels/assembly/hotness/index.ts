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

/** Offsets in the control block: u64 counters, then u32s, then the pending ids {key u64, score f32, row to take or NONE u32}. */
const STEPS: usize = 0;
const PROMOTED: usize = 8;
const DEMOTED: usize = 16;
const HOT_KEYS: usize = 24;
const KEYS: usize = 32;
const HAND: usize = 40;
const PENDING: usize = 44;
const ENTRIES: usize = 48;
const ENTRY_BYTES: usize = 16;

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
  controlAt = workspace(ENTRIES + <usize>most * ENTRY_BYTES);
  return controlAt != 0 && openRows(rows) && openSketch(buckets_, seed);
}

/** Ids are hot from score `threshold` on; scores are multiplied by `decay` once in every `decaySteps` steps. */
export function configure(threshold_: f32, decay_: f32, decaySteps_: u32): void {
  threshold = threshold_;
  decay = decay_;
  decaySteps = decaySteps_;
}

@inline
function count(field: usize, n: u64): void {
  store<u64>(controlAt + field, load<u64>(controlAt + field) + n);
}

@inline
function keyAt(u: u32): u64 {
  return load<u64>(keysAt + (<usize>u << 3));
}

@inline
function rowAt(u: u32): u32 {
  return load<u32>(rowsAt + (<usize>u << 2));
}

/** What a key gains: its gain times `scale`; 0 where that is no number to add. */
@inline
function gainAt(u: u32, scale: f32): f32 {
  const x = load<f32>(gainsAt + (<usize>u << 2)) * scale;
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
    count(HOT_KEYS, 1);
  }
  count(KEYS, n);
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
  const step = load<u64>(controlAt, STEPS) % decaySteps;
  count(STEPS, 1);
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
  const pending = load<u32>(controlAt, PENDING);
  if (pending == mostPending) return false;
  const victim = rows == NONE ? NONE : findVictim(score, rows);
  if (rows != NONE && victim == NONE) return false;
  const at = controlAt + ENTRIES + <usize>pending * ENTRY_BYTES;
  store<u64>(at, key);
  store<f32>(at, score, 8);
  store<u32>(at, victim, 12);
  store<u32>(controlAt, pending + 1, PENDING);
  return true;
}

function findVictim(score: f32, rows: u32): u32 {
  if (rows == 0) return NONE;
  const hand = load<u32>(controlAt, HAND);
  store<u32>(controlAt, (hand + SAMPLE) % rows, HAND);
  return chooseVictim(score, hand, rows);
}

/** Takes the pending ids out of the sketch; returns how many lie at `pendingAt()` until the next `observe`. */
export function takePending(): u32 {
  const pending = load<u32>(controlAt, PENDING);
  for (let i: u32 = 0; i < pending; i++) release(load<u64>(pendingAt() + <usize>i * ENTRY_BYTES));
  store<u32>(controlAt, 0, PENDING);
  return pending;
}

export function pendingAt(): usize {
  return controlAt + ENTRIES;
}

/** A key has given up its row, into whose place the last of `rows` moves: the sketch takes its score back. */
export function demote(key: u64, row: u32, rows: u32): void {
  const score = drop(row, rows);
  if (score > 0) add(key, score);
  count(DEMOTED, 1);
}

/** A key has got a row. */
export function promote(row: u32, score: f32): void {
  setScore(row, score);
  count(PROMOTED, 1);
}
