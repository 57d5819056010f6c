// What finds the rows of an exact table by their keys.
//   a group = one 64-byte cache line = 12 tags (0x80 | 7 bits of the hash; 0 = free), u32 count of the keys that passed this
//   group and lie in a later one, 12 row numbers (u32). From the hash's group on, every so many-th group is searched (an odd
//   number by the tag) as far as keys have passed; removing a key takes it from the counts (as F14 does), so that no number
//   of removals makes a search endless.
import { mix } from "./initial";
import { keyAt, NONE, touchRow } from "./row-places";

export const GROUP_BYTES: u32 = 64;
const SLOTS: i32 = 0xfff;
const PASSED: usize = 12;
/** Keys per group at most, on average: a load of 10/12. */
export const GROUP_KEYS: u32 = 10;
/** The same for a table with a budget, which stays full: at 9/12, after any number of removals, a search for a key that is
 * not there reads two lines (at 10/12 five), for one that is there 1.2. */
export const FULL_GROUP_KEYS: u32 = 9;

/** Places of keys in the index, and of a batch's in its own, follow from it: of no one's choice, so that nobody can make keys meet. */
export let secret: u64 = 0;
/** Rows of a key from this one on are not seen (yet), count in place of others of the same key, and say that the key has no row: staging.ts. */
export let hiddenFrom: u32 = NONE;
export let newerFrom: u32 = 0;
export let goneFrom: u32 = NONE;
/** Of a hash table: where its marks lie. */
export let indexBase: usize = 0;
export let groupMask: u32 = 0;

/** The index lies from there on. */
export function placeIndex(base: usize): void {
  indexBase = base;
}

/** It has so many groups, a power of two. */
export function setGroups(groups: u32): void {
  groupMask = groups - 1;
}

/** Which rows are seen: all of them, but while some are staged. */
export function see(hidden: u32, newer: u32, gone: u32): void {
  hiddenFrom = hidden;
  newerFrom = newer;
  goneFrom = gone;
}

/** Nothing that is learned or saved depends on it. Before anything has a place. */
export function seedIndex(secret_: u64): void {
  secret = secret_;
}

@inline
export function hashOf(key: u64): u64 {
  return mix(key ^ secret);
}

/** The group that is searched after one: all groups come by, and hardly two keys that meet go on meeting. */
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

/** Reads a byte of the index line where the search for a key begins. */
@inline
export function touchIndex(key: u64): u32 {
  return load<u8>(indexBase + <usize>(<u32>hashOf(key) & groupMask) * GROUP_BYTES);
}

/** Reads a byte of each cache line of the first row whose tag fits a key: nearly always the key's row. */
@inline
export function touchCandidate(key: u64): u32 {
  const hash = hashOf(key);
  const tag = i8x16.splat(<i8>(hash >> 57) | <i8>0x80);
  const at = indexBase + <usize>(<u32>hash & groupMask) * GROUP_BYTES;
  const hits = i8x16.bitmask(i8x16.eq(v128.load(at), tag)) & SLOTS;
  return hits ? touchRow(load<u32>(at + ((<usize>ctz(hits)) << 2), 16)) : 0;
}

/** Enters a key that is not in the index yet. */
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

/** Takes a key out of the index. */
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

/** Address of the tag that leads to the row of a key that has one. */
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

/** Groups of the index that are read to find a key, or to see that it has no row. */
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

/** A row of a key that has one gets another number. */
export function renumber(key: u64, row: u32, to: u32): void {
  const tag = tagOf(key, row);
  store<u32>((tag & ~63) + ((tag & 63) << 2), to, 16);
}
