// The index of an exact table's rows by key.
// A group is one 64-byte cache line: 12 tags (0x80 | 7 bits of the hash; 0 = free), u32 count of the keys that
// overflowed past this group to a later one, 12 row numbers (u32). A search starts at the hash's group and continues at
// a fixed stride (an odd number derived from the tag) as long as groups have overflowed. Removing a key decrements the
// counts (as in F14), so that searches stay short after any number of removals.
import { mix } from "./initial";
import { keyAt, NONE, touchRow } from "./row-places";

export const GROUP_BYTES: u32 = 64;
const SLOTS: i32 = 0xfff;
const PASSED: usize = 12;
/** Average number of keys per group, at most: a load of 10/12. */
export const GROUP_KEYS: u32 = 10;
/**
 * The same for a table with a budget, which stays full: at 9/12, after any number of removals, a search for a key that
 * is not there reads two lines (at 10/12 five), for one that is there 1.2.
 */
export const FULL_GROUP_KEYS: u32 = 9;

/**
 * Random seed of the positions of keys in the index, and in a batch's hash table, so that nobody can construct
 * colliding keys.
 */
export let secret: u64 = 0;
/**
 * Staging (staging.ts): entries of rows from this one on are invisible, replace others of the same key, or mark the key
 * as removed.
 */
export let hiddenFrom: u32 = NONE;
export let newerFrom: u32 = 0;
export let goneFrom: u32 = NONE;
/** In a hash table: address of its bitmap of learned rows. */
export let indexBase: usize = 0;
export let groupMask: u32 = 0;

/** Sets the index's address. */
export function placeIndex(base: usize): void {
  indexBase = base;
}

/** Sets the number of groups, a power of two. */
export function setGroups(groups: u32): void {
  groupMask = groups - 1;
}

/** Sets which rows are visible: all of them, unless some are staged. */
export function see(hidden: u32, newer: u32, gone: u32): void {
  hiddenFrom = hidden;
  newerFrom = newer;
  goneFrom = gone;
}

/** Sets the secret seed. Nothing learned or saved depends on it. Call before any key is placed. */
export function seedIndex(secret_: u64): void {
  secret = secret_;
}

@inline
export function hashOf(key: u64): u64 {
  return mix(key ^ secret);
}

/** The next group of a search: all groups are visited, and keys that collide in one group mostly diverge afterwards. */
@inline
function after(group: u32, hash: u64): u32 {
  return (group + 2 * <u32>(hash >> 57) + 1) & groupMask;
}

export function find(key: u64): u32 {
  const hash = hashOf(key);
  const tag = i8x16.splat(<i8>(hash >> 57) | <i8>0x80);
  let group = <u32>hash & groupMask;
  let left = groupMask;
  let found = NONE;
  while (true) {
    const at = indexBase + <usize>group * GROUP_BYTES;
    let hits = i8x16.bitmask(i8x16.eq(v128.load(at), tag)) & SLOTS;
    while (hits) {
      const row = load<u32>(at + ((<usize>ctz(hits)) << 2), 16);
      if (keyAt(row) == key && row < hiddenFrom) {
        if (row >= newerFrom) return row < goneFrom ? row : NONE;
        found = row;
      }
      hits &= hits - 1;
    }
    if (load<u32>(at, PASSED) == 0 || left-- == 0) return found;
    group = after(group, hash);
  }
}

/** Prefetches the index line at which the search for a key starts. */
@inline
export function touchIndex(key: u64): u32 {
  return load<u8>(indexBase + <usize>(<u32>hashOf(key) & groupMask) * GROUP_BYTES);
}

/** Prefetches the first row whose tag matches a key, which is nearly always the key's row. */
@inline
export function touchCandidate(key: u64): u32 {
  const hash = hashOf(key);
  const tag = i8x16.splat(<i8>(hash >> 57) | <i8>0x80);
  const at = indexBase + <usize>(<u32>hash & groupMask) * GROUP_BYTES;
  const hits = i8x16.bitmask(i8x16.eq(v128.load(at), tag)) & SLOTS;
  return hits ? touchRow(load<u32>(at + ((<usize>ctz(hits)) << 2), 16)) : 0;
}

/** Enters a key that is not yet in the index. */
export function index(key: u64, row: u32): void {
  const hash = hashOf(key);
  let group = <u32>hash & groupMask;
  while (true) {
    const at = indexBase + <usize>group * GROUP_BYTES;
    const free = ~i8x16.bitmask(v128.load(at)) & SLOTS;
    if (free) {
      const slot = <usize>ctz(free);
      store<u8>(at + slot, <u8>(hash >> 57) | 0x80);
      store<u32>(at + (slot << 2), row, 16);
      return;
    }
    store<u32>(at, load<u32>(at, PASSED) + 1, PASSED);
    group = after(group, hash);
  }
}

/** Removes a key from the index. */
export function unindex(key: u64, row: u32): void {
  const hash = hashOf(key);
  const tag = tagOf(key, row);
  store<u8>(tag, 0);
  const last = <u32>((tag - indexBase) / GROUP_BYTES);
  for (let group = <u32>hash & groupMask; group != last; group = after(group, hash)) {
    const at = indexBase + <usize>group * GROUP_BYTES;
    store<u32>(at, load<u32>(at, PASSED) - 1, PASSED);
  }
}

/** Address of the tag for the row of a key that has one. */
function tagOf(key: u64, row: u32): usize {
  const hash = hashOf(key);
  const tag = i8x16.splat(<i8>(hash >> 57) | <i8>0x80);
  let group = <u32>hash & groupMask;
  while (true) {
    const at = indexBase + <usize>group * GROUP_BYTES;
    for (let hits = i8x16.bitmask(i8x16.eq(v128.load(at), tag)) & SLOTS; hits; hits &= hits - 1) {
      if (load<u32>(at + ((<usize>ctz(hits)) << 2), 16) == row) return at + <usize>ctz(hits);
    }
    group = after(group, hash);
  }
}

/** Number of groups read to find a key, or to find that it has no row. */
export function probes(key: u64): u32 {
  const hash = hashOf(key);
  const row = find(key);
  const last = row == NONE ? NONE : <u32>((tagOf(key, row) - indexBase) / GROUP_BYTES);
  let read: u32 = 1;
  for (let group = <u32>hash & groupMask; group != last && read <= groupMask; group = after(group, hash), read++) {
    if (load<u32>(indexBase + <usize>group * GROUP_BYTES, PASSED) == 0) break;
  }
  return read;
}

export function indexAddress(): usize {
  return indexBase;
}

/** Changes the row number of a key that has a row. */
export function renumber(key: u64, row: u32, to: u32): void {
  const tag = tagOf(key, row);
  store<u32>((tag & ~63) + ((tag & 63) << 2), to, 16);
}
