// A mini-batch's distinct rows. Its occurrences of keys are de-duplicated: each row is looked up and materialised once,
// and updated once with its summed gradient, in the order of first appearance.
import { admits, admitting } from "./admission";
import { choose, markUsed, policy, sweep } from "./eviction";
import { metaBytes } from "./lifecycle";
import { workspaceOf } from "./memory";
import { claim, makeRoomFor } from "./new-rows";
import { laneBytes, update, weights } from "./row-state";
import { beginStep } from "./optimizers/index";
import { hashOf, touchCandidate, touchIndex } from "./key-index";
import { NONE, rowPtr, touchRow } from "./row-places";
import { note } from "./changed-rows";
import { DEFAULT_KEY, weightsOf } from "./default-row";
import { exact, room, rowCount, rowOf } from "./store";

/** Row number of keys that are not admitted: their occurrences use the default row's place. */
const NOT_ADMITTED: u32 = NONE - 1;

/** Keys of the occurrences; behind `find`, the distinct identities. */
export let keysAt: usize = 0;
/** u32 per occurrence: index of its unique row. */
let placesAt: usize = 0;
/** u32 per unique row: its row number. */
let uniqueAt: usize = 0;
export let uniqueWeightsAt: usize = 0;
export let uniqueGradientsAt: usize = 0;
/**
 * Hash table for de-duplication: {u32 stamp, u32 place} by identity; an entry is valid if its stamp is the batch's. A
 * batch uses as much of it as it needs, so that few occurrences need little cache.
 */
let seenAt: usize = 0;
let seenSize: u32 = 0;
let seenShift: u32 = 0;
let seenMask: u32 = 0;
let stamp: u32 = 0;

let occurrences: u32 = 0;
let unique: u32 = 0;
/** The last gather was of contributions: weights are read when they are updated. */
let folding: bool = false;
/** Unique keys that are not admitted. */
let refused: u32 = 0;
/** 1 if there is a default row that the batch does not use: it cannot be displaced either. */
let idle: u32 = 0;

/** Allocates the workspace for up to `most` occurrences. */
export function openDistinct(most: u32): void {
  seenSize = seenFor(most);
  // One more than can occur, for the default row.
  keysAt = workspaceOf(most + 1, 8);
  placesAt = workspaceOf(most, 4);
  uniqueAt = workspaceOf(most + 1, 4);
  seenAt = workspaceOf(seenSize, 8);
  uniqueWeightsAt = workspaceOf(most + 1, laneBytes);
  uniqueGradientsAt = workspaceOf(most + 1, laneBytes);
}

/** Entries for so many occurrences: a power of two. */
@inline
function seenFor(count: u32): u32 {
  return count < 8 ? 16 : 1 << (33 - clz(count - 1));
}

/** Finds the rows of the `count` keys at `keysAt`, see `gather`. */
export function findRows(count: u32, learn: bool): bool {
  occurrences = count;
  folding = false;
  return find(exact, learn);
}

/**
 * The first half of a learning `gather`, for contributions: `count` keys (rows of a hash table), each as often as it
 * has contributions. Their gradients are added by `addGradients` and applied by `applyCollected`.
 */
export function gatherFolded(count: u32): bool {
  occurrences = count;
  folding = true;
  return find(true, true);
}

/** Numbers the occurrences' identities, finds their rows and writes the rows' weights; false if new rows do not fit. */
function find(byKey: bool, learn: bool): bool {
  if (learn && metaBytes) sweep();
  deduplicate(byKey);
  let missing = lookUp(0, learn);
  if (learn && admitting && missing > 0) missing = admit();
  if (learn && !makeRoomFor(missing, unique - refused + idle)) return false;
  if (!exact || missing > 0) materialise(learn);
  return true;
}

/** Number of distinct identities of the last gather. They are at `keysAt`, in the order of first appearance. */
export function distinct(): u32 {
  return unique;
}

/**
 * The first half of `gather` if the vectors come from elsewhere: leaves the batch's distinct keys at `keysAt`, in the
 * order of first appearance, and returns their number. The host writes their vectors to `uniqueWeightsAt` and calls
 * `spread`.
 */
export function gatherKeys(count: u32): u32 {
  occurrences = count;
  deduplicate(true);
  return unique;
}

/** Finds the rows of the keys left by `gatherKeys`, for scoring, and writes their weights. */
export function readRows(): void {
  folding = false;
  if (lookUp(0, false) > 0) materialise(false);
}

/**
 * Numbers the batch's identities (keys, or rows of a hash table) in the order of first appearance. They overwrite the
 * keys, which is safe because an identity's place never comes after its first occurrence.
 */
function deduplicate(byKey: bool): void {
  unique = 0;
  refused = 0;
  idle = 0;
  if (++stamp == 0) {
    memory.fill(seenAt, 0, (<usize>seenSize) << 3);
    stamp = 1;
  }
  seenMask = min(seenSize, seenFor(occurrences + 1)) - 1;
  seenShift = 32 + clz(seenMask);
  for (let i: u32 = 0; i < occurrences; i++) {
    const key = identity(i);
    store<u32>(placesAt + ((<usize>i) << 2), placeOf(byKey ? key : <u64>rowOf(key)));
  }
}

@inline
function placeOf(id: u64): u32 {
  let i = <u32>(hashOf(id) >> seenShift);
  while (true) {
    const at = seenAt + ((<usize>i) << 3);
    if (load<u32>(at) != stamp) {
      store<u32>(at, stamp);
      store<u32>(at, unique, 4);
      store<u64>(keysAt + ((<usize>unique) << 3), id);
      return unique++;
    }
    const place = load<u32>(at, 4);
    if (identity(place) == id) return place;
    i = (i + 1) & seenMask;
  }
}

@inline
function identity(place: u32): u64 {
  return load<u64>(keysAt + ((<usize>place) << 3));
}

/** Number of unique rows processed together: their index lines and rows fit in the L1 cache. At most MOST_CHOSEN. */
const BLOCK: u32 = 128;

/** Sum of bytes read for prefetching, stored so that the compiler does not remove the loads. */
let warmth: u32 = 0;

/**
 * Decides on the new keys, occurrence by occurrence: one that is not admitted gets the default row's place. Returns the
 * number of rows to create.
 */
function admit(): u32 {
  const known = unique;
  let shared = NONE;
  let made: u32 = 0;
  for (let i: u32 = 0; i < occurrences; i++) {
    const at = placesAt + ((<usize>i) << 2);
    const place = load<u32>(at);
    const row = uniqueAt + ((<usize>place) << 2);
    if (place >= known || load<u32>(row) != NONE) continue;
    if (admits(identity(place))) {
      made += adopt(row);
    } else {
      if (shared == NONE) shared = placeOf(DEFAULT_KEY);
      store<u32>(at, shared);
    }
  }
  idle = u32(shared == NONE && rowOf(DEFAULT_KEY) != NONE);
  // An actual id may have the default row's key.
  if (shared < known) made += adopt(uniqueAt + ((<usize>shared) << 2));
  for (let u: u32 = 0; u < known; u++) refused += turnOver(uniqueAt + ((<usize>u) << 2));
  return made + lookUp(known, true);
}

/** Marks a new key as admitted, for `turnOver`; returns 1 unless it was already. */
@inline
function adopt(row: usize): u32 {
  const fresh = load<u32>(row) == NONE;
  if (fresh) store<u32>(row, NOT_ADMITTED);
  return u32(fresh);
}

/** Resets admitted new keys to NONE, like any key without a row; keeps those not admitted apart: returns 1 for them. */
@inline
function turnOver(row: usize): u32 {
  const was = load<u32>(row);
  if (was >= NOT_ADMITTED) store<u32>(row, was == NONE ? NOT_ADMITTED : NONE);
  return u32(was == NONE);
}

/**
 * Finds every unique row from number `first` on and counts those that do not exist. Works in blocks: prefetches the
 * index lines, then the rows they refer to, then finds the rows, in short loops of independent steps, so that memory
 * latencies overlap. The weights of an exact table's rows are written at once, while the rows are in the cache.
 */
function lookUp(first: u32, learn: bool): u32 {
  let missing: u32 = 0;
  for (let from = first; from < unique; from += BLOCK) {
    const to = min(from + BLOCK, unique);
    if (!exact) {
      for (let u = from; u < to; u++) store<u32>(uniqueAt + ((<usize>u) << 2), <u32>identity(u));
      continue;
    }
    for (let u = from; u < to; u++) warmth += touchIndex(identity(u));
    for (let u = from; u < to; u++) warmth += touchCandidate(identity(u));
    for (let u = from; u < to; u++) missing += u32(!findRow(u, learn));
  }
  return missing;
}

/** Finds unique row u of an exact table and writes its weights; false if there is none. */
@inline
function findRow(u: u32, learn: bool): bool {
  const row = rowOf(identity(u));
  store<u32>(uniqueAt + ((<usize>u) << 2), row);
  if (row == NONE) return false;
  if (learn && metaBytes) markUsed(row);
  if (!folding) weights(rowPtr(row), uniqueWeightsAt + <usize>u * laneBytes);
  return true;
}

/**
 * Writes the weights of every unique row that `lookUp` did not write; when learning, creates the missing rows first.
 */
function materialise(learn: bool): void {
  for (let from: u32 = 0; from < unique; from += BLOCK) {
    const to = min(from + BLOCK, unique);
    if (!exact) touchRows(from, to);
    else if (learn && policy) chooseFor(from, to);
    for (let u = from; u < to; u++) {
      const row = load<u32>(uniqueAt + ((<usize>u) << 2));
      if (!exact || row == NONE) materialiseOne(u, row, learn);
    }
  }
}

/** Chooses the rows that a block's new rows will displace in a full table. */
function chooseFor(from: u32, to: u32): void {
  if (rowCount < room) return;
  let missing: u32 = 0;
  for (let u = from; u < to; u++) missing += u32(load<u32>(uniqueAt + ((<usize>u) << 2)) == NONE);
  choose(missing);
}

@inline
function materialiseOne(u: u32, found: u32, learn: bool): void {
  const id = identity(u);
  const out = uniqueWeightsAt + <usize>u * laneBytes;
  if (!learn) {
    weightsOf(id, found, out);
    return;
  }
  const row = claim(id, found);
  store<u32>(uniqueAt + ((<usize>u) << 2), row);
  if (!folding) weights(rowPtr(row), out);
}

@inline
function touchRows(from: u32, to: u32): void {
  for (let u = from; u < to; u++) {
    const row = load<u32>(uniqueAt + ((<usize>u) << 2));
    if (row < NOT_ADMITTED) warmth += touchRow(row);
  }
}

/** Address of an occurrence's weights. */
@inline
export function weightsAt(i: u32): usize {
  return uniqueWeightsAt + <usize>load<u32>(placesAt + ((<usize>i) << 2)) * laneBytes;
}

/** Address of the gradient of an occurrence's row. */
@inline
export function gradientOf(i: u32): usize {
  return uniqueGradientsAt + <usize>load<u32>(placesAt + ((<usize>i) << 2)) * laneBytes;
}

/** Before the gradients of a batch are added. */
export function clearGradients(): void {
  memory.fill(uniqueGradientsAt, 0, <usize>unique * laneBytes);
}

/** One optimizer step with the gradients at `uniqueGradientsAt`: one update per unique row. */
export function applyCollected(): void {
  beginStep();
  for (let from: u32 = 0; from < unique; from += BLOCK) {
    const to = min(from + BLOCK, unique);
    touchRows(from, to);
    for (let u = from; u < to; u++) {
      const offset = <usize>u * laneBytes;
      const row = load<u32>(uniqueAt + ((<usize>u) << 2));
      if (row == NOT_ADMITTED) continue;
      note(row);
      if (folding) weights(rowPtr(row), uniqueWeightsAt + offset);
      update(rowPtr(row), uniqueWeightsAt + offset, uniqueGradientsAt + offset);
    }
  }
  unique = 0;
}
