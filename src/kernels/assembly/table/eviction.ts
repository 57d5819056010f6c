// Eviction: which rows of an exact table are removed. Between key and state, a row then has {u32 examples when it was
// last updated, u32 event seconds at that time (expire_time), u32 frequency (lfu)}, as far as the conditions need them,
// in 8 or 16 bytes. A hand sweeps over the rows, some at each batch, and removes those that have expired. If the table
// is full, a new row displaces one of a sample: the oldest (lru) or least frequent (lfu).
import { GOLDEN, mix } from "./initial";
import {
  countGivenUp,
  EMPTY,
  EXPIRED,
  IDLE,
  life,
  metaBytes,
  noteRemoved,
  now,
  seconds,
  setMetaBytes,
  SMALL,
} from "./lifecycle";
import { workspace } from "./memory";
import { laneBytes, lanes, weights } from "./row-state";
import { emptiesRows } from "./optimizers/index";
import { touchIndex, unindex } from "./key-index";
import { keyAt, NONE, rowAt, rowPtr } from "./row-places";
import { note } from "./changed-rows";
import { DEFAULT_KEY } from "./default-row";
import { removeRow } from "./removal";
import { rowCount } from "./store";

const LRU: u32 = 1;
const LFU: u32 = 2;

/** Maximum number of examples in which the hand passes all rows once, and number of rows it examines per batch. */
const LAP_EXAMPLES: f64 = 65536;
const MOST_VISITS: f64 = 2048;
/** Number of rows in a sample. */
const SAMPLES: u32 = 16;
/** Maximum number of rows that `choose` chooses at a time. */
export const MOST_CHOSEN: u32 = 128;
/** What a use adds to the frequency, whose half-life is 2^halfLife examples. */
const USE: u32 = 256;
/**
 * For displacement, a row below the minimum norm counts as last used 2^SHORT times as long ago (lru), or as used
 * 2^SHORT times less often (lfu).
 */
const SHORT: u32 = 3;

export let policy: u32 = 0;
let expireSeconds: u32 = 0;
let stepsToLive: u32 = 0;
let leastSquare: f32 = 0;
let lapExamples: f64 = LAP_EXAMPLES;
/** Offsets in a row of its eviction data; 0: not stored. */
const stepAt: usize = 8;
let secondsAt: usize = 0;
let frequencyAt: usize = 0;
let halfLife: u32 = 31;
let salt: u64 = 0;
/** u32 per cell: a fingerprint of the last removed key whose hash belongs to it. */
let ghostsAt: usize = 0;
let ghostMask: u32 = 0;
/** One in 2^ghostShift keys is remembered. */
let ghostShift: u32 = 0;
/** Sum of prefetched bytes, stored so that the compiler does not remove the loads. */
let warmth: u32 = 0;
/** Scratch memory for a row's weights. */
let scratch: usize = 0;
/** u32 each: rows of a sample; rows chosen to be displaced next. */
let samplesAt: usize = 0;
let chosenAt: usize = 0;
/** Number of chosen rows, and of those already displaced. */
let chosen: u32 = 0;
let taken: u32 = 0;

/**
 * Allocates the workspace. `seconds_`, `steps`, `norm`: 0 = no such condition; `ghosts`: cells, a power of two. False
 * if there is no room.
 */
export function openEviction(
  seed: u64,
  policy_: u32,
  seconds_: u32,
  steps: u32,
  norm: f64,
  ghosts: u32,
  ghostShift_: u32,
  halfLife_: u32,
): bool {
  policy = policy_;
  expireSeconds = seconds_;
  stepsToLive = steps;
  leastSquare = <f32>(norm * norm);
  lapExamples = steps > 0 ? min(<f64>steps, LAP_EXAMPLES) : LAP_EXAMPLES;
  secondsAt = seconds_ > 0 ? 12 : 0;
  frequencyAt = policy != LFU ? 0 : secondsAt > 0 ? 16 : 12;
  setMetaBytes(frequencyAt == 16 ? 16 : 8);
  halfLife = halfLife_;
  salt = mix(seed + 0x6576696374696f6e);
  ghostMask = ghosts - 1;
  ghostShift = ghostShift_;
  ghostsAt = workspace((<usize>ghosts) << 2);
  scratch = workspace(laneBytes);
  samplesAt = workspace(SAMPLES << 2);
  chosenAt = workspace(MOST_CHOSEN << 2);
  return chosenAt != 0;
}

export function ghostsAddress(): usize {
  return ghostsAt;
}

/** Records that the current batch updates a row; false if it was recorded before. */
@inline
export function markUsed(row: u32): bool {
  const at = rowAt(row);
  if (load<u32>(at, stepAt) == now) return false;
  if (frequencyAt) {
    const frequency = frequencyOf(at);
    store<u32>(at + frequencyAt, frequency > 0xffffffff - USE ? 0xffffffff : frequency + USE);
  }
  markTimes(at);
  note(row);
  return true;
}

/** Writes the eviction data of a new row. */
@inline
export function startMeta(row: u32, key: u64): void {
  const at = rowAt(row);
  store<u64>(at + metaBytes, 0);
  markTimes(at);
  if (frequencyAt) store<u32>(at + frequencyAt, USE);
  countReadmitted(key);
}

@inline
function markTimes(at: usize): void {
  store<u32>(at, now, stepAt);
  if (secondsAt) store<u32>(at + secondsAt, seconds);
}

/** A row's frequency after decay: halved every 2^halfLife examples, linearly interpolated. */
@inline
function frequencyOf(at: usize): u32 {
  const age = now - load<u32>(at, stepAt);
  const halvings = age >> halfLife;
  if (halvings > 31) return 0;
  const frequency = load<u32>(at + frequencyAt) >> halvings;
  const rest = age & ((1 << halfLife) - 1);
  return frequency - <u32>((<u64>frequency * rest) >> (halfLife + 1));
}

/** Advances the hand by the examples since its last step. Rows may move: call before rows are looked up. */
export function sweep(): void {
  const due = floor<f64>((<f64>rowCount * (life().examples - life().swept)) / lapExamples);
  if (due < 1) return;
  life().swept = life().examples;
  let hand = <u32>life().hand;
  for (let visits = <u32>min(due, MOST_VISITS); visits > 0 && rowCount > 0; visits--) {
    if (hand >= rowCount) {
      hand = 0;
      life().lapBefore = life().lap;
      life().lap = life().examples;
    }
    const reason = reasonToGo(hand);
    if (reason) giveUp(hand, reason);
    else hand++;
  }
  life().hand = <f64>hand;
}

/** The offset of the counter of the reason to remove a row, or 0 to keep it. */
function reasonToGo(row: u32): usize {
  const at = rowAt(row);
  const age = now - load<u32>(at, stepAt);
  if (age == 0 || keyAt(row) == DEFAULT_KEY) return 0;
  if (secondsAt && hasExpired(row)) return EXPIRED;
  if (stepsToLive && age > stepsToLive) return IDLE;
  // A row that is still being updated may have a small norm that grows.
  if (<f64>age <= life().examples - life().lapBefore) return 0;
  if (leastSquare == 0 && !emptiesRows()) return 0;
  const square = squareOf(row);
  if (emptiesRows() && square == 0) return EMPTY;
  return square < leastSquare ? SMALL : 0;
}

/** Whether a row was last updated too long ago. Rows from before the clock started count as updated now. */
@inline
function hasExpired(row: u32): bool {
  const at = rowAt(row) + secondsAt;
  const last = load<u32>(at);
  if (last == 0 && seconds > 0) {
    store<u32>(at, seconds);
    note(row);
    return false;
  }
  return seconds - last > expireSeconds;
}

/** The squared norm of a row's weights. */
function squareOf(row: u32): f32 {
  weights(rowPtr(row), scratch);
  let sum: f32 = 0;
  for (let i: u32 = 0; i < lanes; i++) {
    const w = load<f32>(scratch + ((<usize>i) << 2));
    sum += w * w;
  }
  return sum;
}

function giveUp(row: u32, reason: usize): void {
  countGivenUp(reason);
  rememberEvicted(keyAt(row));
  removeRow(row);
}

/**
 * Chooses the next `count` rows for `displace`, the same ones it would choose itself, but with overlapping memory
 * latencies. They must be displaced before anything else changes.
 */
export function choose(count: u32): void {
  chosen = count;
  taken = 0;
  const before = life().displaced;
  for (let i: u32 = 0; i < count; i++) {
    const row = victim(before + <f64>i);
    // Excludes it from being chosen again.
    store<u32>(rowAt(row), now, stepAt);
    store<u32>(chosenAt + ((<usize>i) << 2), row);
  }
  for (let i: u32 = 0; i < count; i++) warmth += touchIndex(keyAt(load<u32>(chosenAt + ((<usize>i) << 2))));
}

/**
 * Removes a row in favour of a new one and returns its number. There must be a row that the current batch does not use.
 */
export function displace(): u32 {
  const row = taken < chosen ? load<u32>(chosenAt + ((<usize>taken) << 2)) : victim(life().displaced);
  if (taken < chosen) taken++;
  const key = keyAt(row);
  life().displaced++;
  rememberEvicted(key);
  noteRemoved(key);
  unindex(key, row);
  return row;
}

/**
 * The best row of a sample, which is determined by the seed and the number of rows displaced before; if the batch uses
 * all of the sample, the hand's next row. The sample's rows are read first and compared afterwards: loads without
 * dependent branches overlap.
 */
function victim(before: f64): u32 {
  let point = mix(salt ^ <u64>before);
  for (let at = samplesAt; at < samplesAt + (SAMPLES << 2); at += 4, point += GOLDEN) {
    const row = <u32>(((point >> 32) * <u64>rowCount) >> 32);
    store<u32>(at, row);
    warmth += load<u32>(rowAt(row), stepAt);
  }
  let best: u64 = 0;
  let row = NONE;
  for (let at = samplesAt; at < samplesAt + (SAMPLES << 2); at += 4) {
    const candidate = load<u32>(at);
    const worth = evictability(candidate);
    row = select(candidate, row, worth > best);
    best = max(worth, best);
  }
  return row == NONE ? nextUnused() : row;
}

/**
 * Priority of eviction: examples since the last use (lru), or lowest frequency, then examples (lfu). 0: must not be
 * evicted.
 */
@inline
function evictability(row: u32): u64 {
  const at = rowAt(row);
  const age = now - load<u32>(at, stepAt);
  if (age == 0 || keyAt(row) == DEFAULT_KEY) return 0;
  const short = leastSquare > 0 && squareOf(row) < leastSquare ? SHORT : 0;
  return frequencyAt ? ((<u64>(0xffffffff - (frequencyOf(at) >> short))) << 32) | age : (<u64>age) << short;
}

function nextUnused(): u32 {
  let hand = <u32>life().hand;
  do hand = hand + 1 < rowCount ? hand + 1 : 0;
  while (evictability(hand) == 0);
  life().hand = <f64>hand;
  return hand;
}

/** Remembers a removed key. */
@inline
function rememberEvicted(key: u64): void {
  const hash = mix(key ^ salt);
  if (<u32>hash & ((1 << ghostShift) - 1)) return;
  store<u32>(ghostOf(hash), printOf(hash));
}

/** Counts a new key that is remembered, scaled up from the sample to all keys. */
@inline
function countReadmitted(key: u64): void {
  const hash = mix(key ^ salt);
  if (<u32>hash & ((1 << ghostShift) - 1)) return;
  const at = ghostOf(hash);
  if (load<u32>(at) != printOf(hash)) return;
  store<u32>(at, 0);
  life().readmitted += <f64>(1 << ghostShift);
}

@inline
function ghostOf(hash: u64): usize {
  return ghostsAt + ((<usize>(<u32>(hash >> 12) & ghostMask)) << 2);
}

@inline
function printOf(hash: u64): u32 {
  return <u32>(hash >> 32) | 1;
}
