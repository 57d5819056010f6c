// A cache of the decoded vectors of recurring keys, with one slot per hash. A key that was requested again since
// another key last competed for its slot keeps the slot once more, so that ids seen once do not displace hot ones. An
// entry is [key u64][generation u32][requested again u32]; entries of earlier generations are empty.
import { mix } from "../table/initial";
import { workspaceOf } from "../table/memory";
import { copyFloats } from "../table/lanes";
import { decodedAt, encodeKey, keysAt, separate, vectorBytes, vectorsAt } from "./batch";

let places: u32 = 0;
let entries: usize = 0;
let cached: usize = 0;
let generation: u32 = 1;
/** u32[rows]: the indices of the keys that `look` did not find. */
let missing: usize = 0;

/** Opens a cache of `places_` vectors for batches of up to `rows` keys. Call after `openCodes`. */
export function openCache(places_: u32, rows: u32): bool {
  places = places_;
  missing = workspaceOf(rows, 4);
  entries = workspaceOf(places, 16);
  cached = workspaceOf(places, vectorBytes);
  return separate(rows) && cached != 0;
}

/** Empties the cache. */
export function forget(): void {
  generation++;
}

/**
 * Writes the vectors of cached keys, writes the codes of the other keys consecutively, and returns the number of the
 * latter.
 */
export function look(count: u32): u32 {
  let missed: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const key = load<u64>(keysAt + ((<usize>i) << 3));
    const place = placeOf(key);
    const entry = entries + ((<usize>place) << 4);
    if (load<u32>(entry, 8) == generation && load<u64>(entry) == key) {
      store<u32>(entry, 1, 12);
      copyFloats(vectorsAt + <usize>i * vectorBytes, cached + <usize>place * vectorBytes, <u32>(vectorBytes >> 2));
      continue;
    }
    store<u32>(missing + ((<usize>missed) << 2), i);
    encodeKey(i, missed++);
  }
  return missed;
}

/** Stores the decoded vectors of the `missed` keys in the output and in the cache. */
export function settle(missed: u32): void {
  for (let m: u32 = 0; m < missed; m++) {
    const i = load<u32>(missing + ((<usize>m) << 2));
    const vector = decodedAt + <usize>m * vectorBytes;
    copyFloats(vectorsAt + <usize>i * vectorBytes, vector, <u32>(vectorBytes >> 2));
    keep(load<u64>(keysAt + ((<usize>i) << 3)), vector);
  }
}

function keep(key: u64, vector: usize): void {
  const place = placeOf(key);
  const entry = entries + ((<usize>place) << 4);
  if (load<u32>(entry, 8) == generation && load<u32>(entry, 12)) {
    store<u32>(entry, 0, 12);
    return;
  }
  store<u64>(entry, key);
  store<u32>(entry, generation, 8);
  store<u32>(entry, 0, 12);
  copyFloats(cached + <usize>place * vectorBytes, vector, <u32>(vectorBytes >> 2));
}

@inline
function placeOf(key: u64): u32 {
  return <u32>(((mix(key) >> 32) * <u64>places) >> 32);
}
