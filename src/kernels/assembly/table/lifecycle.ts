// The life of an exact table's rows: where the stream is, and what was done. One block of numbers, f64 each, that the host
// saves and restores whole; src/tables/lifecycle.ts names them in the same order.
import { workspace } from "./memory";

/** Examples learned before the batch at hand, and event time in seconds. */
const EXAMPLES: usize = 0;
const SECONDS: usize = 8;
/** eviction.ts: the row its hand points at; the examples at its last step, at its lap's start and at the lap's before. */
export const HAND: usize = 16;
export const SWEPT: usize = 24;
export const LAP: usize = 32;
export const LAP_BEFORE: usize = 40;
/** admission.ts: what its draws and its ageing go by. */
export const ASKED: usize = 48;
/** New keys that got a row; occurrences that were sent to the default row; keys admitted before their time, estimated. */
export const ADMITTED: usize = 56;
export const REFUSED: usize = 64;
export const FALSELY_ADMITTED: usize = 72;
/** Rows given up, by reason. */
export const EXPIRED: usize = 80;
export const IDLE: usize = 88;
export const SMALL: usize = 96;
export const EMPTY: usize = 104;
export const DISPLACED: usize = 112;
/** Rows made for keys that had one before, estimated. */
export const READMITTED: usize = 120;
const STATE_BYTES: usize = 128;

/** Keys of given-up rows that wait for the host; it takes them when there are so many. */
const REMOVED_KEYS: u32 = 1024;

let stateAt: usize = 0;
/** The examples as rows remember them: modulo 2^32. */
export let now: u32 = 0;
export let seconds: u32 = 0;

/** Bytes of a row between key and state; 0 where no row is ever given up. */
export let metaBytes: usize = 0;

/** Before `open`. */
export function setMetaBytes(bytes: usize): void {
  metaBytes = bytes;
}

let collecting: bool = false;
let removedAt: usize = 0;
let removed: u32 = 0;

// @ts-ignore: a function of the host
@external("env", "takeRemoved")
declare function takeRemoved(count: u32): void;

/** Takes the workspace. Call before `openAdmission`, `openEviction` and `open`; false where there is no room. */
export function openLifecycle(): bool {
  stateAt = workspace(STATE_BYTES);
  removedAt = workspace(<usize>REMOVED_KEYS << 3);
  return removedAt != 0;
}

export function lifecycleAddress(): usize {
  return stateAt;
}

/** Says where the stream is before a batch is learned. Neither ever goes back. */
export function setClock(examples: f64, time: f64): void {
  store<f64>(stateAt + EXAMPLES, max<f64>(examples, numberAt(EXAMPLES)));
  store<f64>(stateAt + SECONDS, max<f64>(time, numberAt(SECONDS)));
  readClock();
}

/** Rows learned from now on belong to event r of the batch. */
@inline
export function beginEvent(r: u32): void {
  now = <u32>(<u64>numberAt(EXAMPLES) + r);
}

/** Takes the clock from the state, after the host has restored it. */
export function readClock(): void {
  now = <u32>(<u64>numberAt(EXAMPLES));
  seconds = <u32>(<u64>numberAt(SECONDS));
}

@inline
export function examples(): f64 {
  return numberAt(EXAMPLES);
}

@inline
export function numberAt(place: usize): f64 {
  return load<f64>(stateAt + place);
}

@inline
export function setNumber(place: usize, value: f64): void {
  store<f64>(stateAt + place, value);
}

@inline
export function add(place: usize, count: f64): void {
  setNumber(place, numberAt(place) + count);
}

/** Begins to collect the keys (hash: row numbers) of rows that are given up. */
export function collectRemoved(): void {
  collecting = true;
}

export function removedAddress(): usize {
  return removedAt;
}

/** How many keys wait. */
export function removedCount(): u32 {
  return removed;
}

export function removedRoom(): u32 {
  return REMOVED_KEYS;
}

export function clearRemoved(): void {
  removed = 0;
}

@inline
export function noteRemoved(key: u64): void {
  if (!collecting) return;
  store<u64>(removedAt + (<usize>removed << 3), key);
  if (++removed < REMOVED_KEYS) return;
  takeRemoved(removed);
  removed = 0;
}
