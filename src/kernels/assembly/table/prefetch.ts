// Prefetches the rows of the next few events: many cache misses overlap, whereas an event has to wait for the one before
// it.
import { batchLearns, foundAt, keysAt, keysOf, singles } from "./event-batch";
import { workspace } from "./memory";
import { NONE, rowPtr, rowsAddress, stride } from "./row-places";
import { exact, rowCapacity, rowOf } from "./store";

/** Maximum number of events whose rows are prefetched together; a multiple of 8. */
export const PREFETCH: u32 = 32;

/** u32 per feature of the next few events, consecutive: state addresses for `prefetch`. */
let aheadAt: usize = 0;
/** Bytes per event in it. */
let aheadBytes: usize = 0;
/** The same by feature, for PREFETCH events each. */
let columnsAt: usize = 0;

/** Allocates the workspace for events with `room` features; false if the memory limit is exceeded. */
export function openPrefetch(room: usize): bool {
  aheadBytes = room << 2;
  aheadAt = workspace(aheadBytes * PREFETCH);
  columnsAt = workspace(aheadBytes * PREFETCH);
  return columnsAt != 0;
}

/** State addresses of event r's singles, as `prefetchByMask` left them. */
@inline
export function prefetchedStates(r: u32): usize {
  return aheadAt + <usize>(r % PREFETCH) * aheadBytes;
}

/** Sum of the loads in `prefetch`, stored so that they are not removed. */
let touched: u64 = 0;

/**
 * Prefetches the rows of the singles of events [from, to). First addresses are computed, then rows are loaded without
 * other work.
 */
export function prefetch(from: u32, to: u32): void {
  if (exact && !batchLearns) return;
  const first = from * singles;
  const end = aheadAt + ((<usize>(to * singles - first)) << 2);
  for (let at = aheadAt, i = <usize>first; at < end; at += 4, i++) {
    const row = exact ? load<u32>(foundAt + (i << 2)) : rowOf(load<u64>(keysAt + (i << 3)));
    store<u32>(at, <u32>rowPtr(row == NONE ? 0 : row));
  }
  let sum: u64 = 0;
  for (let at = aheadAt; at < end; at += 4) {
    const state = <usize>load<u32>(at);
    for (let line: usize = 0; line < stride; line += 64) sum ^= load<u8>(state + line);
  }
  touched = sum;
}

/**
 * `prefetch` for `readEventByMask`, which uses the state addresses left here. Loads go feature by feature: those of a
 * field with many ids, which mostly miss the cache, are consecutive, so that as many as the processor supports are in
 * flight.
 */
export function prefetchByMask(from: u32, to: u32): void {
  const bytes = (<usize>singles) << 2;
  const mask = i32x4.splat(rowCapacity - 1),
    base = i32x4.splat(<i32>rowsAddress());
  const keysBytes = bytes << 1,
    rowBytes = aheadBytes;
  let at = aheadAt,
    list = columnsAt;
  // Events after the last one do no harm: any number, masked, is a row.
  for (let r = from; r < to; r += 4, at += rowBytes << 2, list += 16) {
    const keys = keysOf(r);
    for (let i: usize = 0; i < bytes; i += 16) {
      const key = keys + (i << 1);
      const a = statesOf(key, mask, base),
        b = statesOf(key + keysBytes, mask, base);
      const c = statesOf(key + (keysBytes << 1), mask, base),
        d = statesOf(key + 3 * keysBytes, mask, base);
      v128.store(at + i, a);
      v128.store(at + i + rowBytes, b);
      v128.store(at + i + (rowBytes << 1), c);
      v128.store(at + i + 3 * rowBytes, d);
      storeColumns(list + i * PREFETCH, a, b, c, d);
    }
  }
  const events = (<usize>(to - from)) << 2;
  let sum: u32 = 0;
  for (let column = columnsAt, end = column + bytes * PREFETCH; column < end; column += PREFETCH << 2) {
    for (let at = column, last = column + events; at < last; at += 32) {
      sum ^= load<u8>(<usize>load<u32>(at)) ^ load<u8>(<usize>load<u32>(at, 4));
      sum ^= load<u8>(<usize>load<u32>(at, 8)) ^ load<u8>(<usize>load<u32>(at, 12));
      sum ^= load<u8>(<usize>load<u32>(at, 16)) ^ load<u8>(<usize>load<u32>(at, 20));
      sum ^= load<u8>(<usize>load<u32>(at, 24)) ^ load<u8>(<usize>load<u32>(at, 28));
    }
  }
  touched = sum;
}

/** Transposes the states of four features of four events. */
@inline
function storeColumns(to: usize, a: v128, b: v128, c: v128, d: v128): void {
  const lowAb = v128.shuffle<i32>(a, b, 0, 4, 1, 5),
    lowCd = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
  const highAb = v128.shuffle<i32>(a, b, 2, 6, 3, 7),
    highCd = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<i64>(lowAb, lowCd, 0, 2));
  v128.store(to + (PREFETCH << 2), v128.shuffle<i64>(lowAb, lowCd, 1, 3));
  v128.store(to + (PREFETCH << 3), v128.shuffle<i64>(highAb, highCd, 0, 2));
  v128.store(to + 12 * PREFETCH, v128.shuffle<i64>(highAb, highCd, 1, 3));
}

/** States of four consecutive keys. */
@inline
function statesOf(keys: usize, mask: v128, base: v128): v128 {
  const rows = v128.shuffle<i32>(v128.load(keys), v128.load(keys, 16), 0, 2, 4, 6);
  return i32x4.add(base, i32x4.shl(v128.and(rows, mask), 3));
}
