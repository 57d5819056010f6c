// Creates rows: finds the row of a key, or creates it; if there is no more room, in place of an evicted row.
import { displace, policy, startMeta } from "./eviction";
import { copyFloats } from "./lanes";
import { metaBytes } from "./lifecycle";
import { dim, heldBytes, hold, initialAt, initialise, laneBytes, serving } from "./row-state";
import { index, touchIndex } from "./key-index";
import { NONE, rowAt, rowPtr } from "./row-places";
import { note } from "./changed-rows";
import { makeState, scratchState } from "./initial-rows";
import { isTouched, touch } from "./learned-rows";
import { exact, nextRow, reserve, room, rowCount, rowOf } from "./store";

/** Sum of prefetched bytes, stored so that the compiler does not remove the loads. */
let warmth: u32 = 0;

/** The row of a key, created if absent. exact: call `reserve` for enough new rows before. */
@inline
export function rowFor(key: u64): u32 {
  const row = rowOf(key);
  if (exact) return row == NONE ? append(key) : row;
  touch(row);
  return row;
}

/** `rowFor` after a `rowOf` that found none: the batch may have created the row since. */
@inline
export function claim(key: u64, row: u32): u32 {
  if (exact) return row == NONE ? rowFor(key) : row;
  touch(row);
  return row;
}

/**
 * `rowFor` for each of `count` keys (u64); every row, new or not, is reset to start at the given weights, f32[count ×
 * dim], as if they had been drawn. exact: call `reserve` before.
 */
export function plant(keys: usize, count: u32, given: usize): void {
  for (let u: u32 = 0; u < count; u++) {
    const row = rowFor(load<u64>(keys + ((<usize>u) << 3)));
    const w = serving ? scratchState : initialAt(rowPtr(row));
    memory.fill(w, 0, laneBytes);
    copyFloats(w, given + ((<usize>u * dim) << 2), dim);
    if (serving) hold(w, rowPtr(row));
    else initialise(rowPtr(row), true);
    note(row);
  }
}

/** Writes the weights w[lanes] of a replica's row, created if absent (exact: after `reserve`). */
export function put(key: u64, w: usize): void {
  hold(w, rowPtr(rowFor(key)));
}

/** `put` for each of `count` keys (u64), with the weights f32[count × floats] at `given`; floats <= lanes. */
export function putRows(keys: usize, count: u32, given: usize, floats: u32): void {
  if (exact) for (let u: u32 = 0; u < count; u++) warmth += touchIndex(load<u64>(keys + ((<usize>u) << 3)));
  for (let u: u32 = 0; u < count; u++) {
    memory.fill(scratchState, 0, laneBytes);
    copyFloats(scratchState, given + ((<usize>u * floats) << 2), floats);
    put(load<u64>(keys + ((<usize>u) << 3)), scratchState);
  }
}

/**
 * Compares a replica's rows with `count` keys (u64) and their weights, f32[count × floats] at `given`. Replaces each
 * key by two u32: its row, NONE if not learned, and 1 if writing these weights to the row would not change it.
 */
export function compareRows(keys: usize, count: u32, given: usize, floats: u32): void {
  const packed = scratchState + laneBytes;
  for (let u: u32 = 0; u < count; u++, keys += 8) {
    const found = rowOf(load<u64>(keys));
    const row = found != NONE && isTouched(found) ? found : NONE;
    store<u32>(keys, row);
    store<u32>(keys, 0, 4);
    if (row == NONE) continue;
    memory.fill(scratchState, 0, laneBytes);
    copyFloats(scratchState, given + ((<usize>u * floats) << 2), floats);
    hold(scratchState, packed);
    store<u32>(keys, memory.compare(packed, rowPtr(row), heldBytes()) == 0 ? 1 : 0, 4);
  }
}

function append(key: u64): u32 {
  const row = rowCount < room ? nextRow() : displace();
  store<u64>(rowAt(row), key);
  if (!serving) makeState(key, rowPtr(row));
  if (metaBytes) startMeta(row, key);
  index(key, row);
  note(row);
  return row;
}

/**
 * `reserve` before a batch that uses `used` rows, including new ones: if there is no more room, it is enough that rows
 * it does not use can be displaced.
 */
export function makeRoomFor(extra: u32, used: u32): bool {
  return reserve(extra) || (policy > 0 && used <= room);
}
