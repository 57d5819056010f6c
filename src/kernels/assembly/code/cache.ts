// Decoded vectors of keys that come again and again: one place for each key, by its hash. A key that was asked for again since
// it was last threatened keeps its place against one newcomer, so that ids seen once do not drive out the hot ones.
// An entry = [key u64][generation u32][asked again u32]; entries of earlier generations are empty.
import { mix } from "../table/initial";
import { workspaceOf } from "../table/memory";
import { copyFloats } from "../table/lanes";
import { decodedAt, encodeKey, keysAt, separate, vectorBytes, vectorsAt } from "./batch";

let places: u32 = 0;
let entries: usize = 0;
let cached: usize = 0;
let generation: u32 = 1;
/** u32[rows]: the numbers of the keys that `look` did not find. */
let missing: usize = 0;

/** Opens a cache of `places_` vectors for batches of `rows` keys; after `openCodes`. */
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

/** Fills the vectors of the keys it knows, writes the codes of the others side by side, and returns how many those are. */
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

/** Puts the vectors that were decoded for the `missed` keys in their places, and into the cache. */
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
