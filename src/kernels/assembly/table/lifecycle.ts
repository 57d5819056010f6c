// The life of an exact table's rows: where the stream is, and what was done. One block of numbers that the host
// saves and restores whole.
import { workspace } from "./memory";

@unmanaged
class Life {
  /** Examples learned before the batch at hand, and event time in seconds. */
  examples: f64;
  seconds: f64;
  /** eviction.ts: the row its hand points at; the examples at its last step, at its lap's start and at the lap's before. */
  hand: f64;
  swept: f64;
  lap: f64;
  lapBefore: f64;
  /** admission.ts: what its draws and its ageing go by. */
  asked: f64;
  /** New keys that got a row; occurrences that were sent to the default row; keys admitted before their time, estimated. */
  admitted: f64;
  refused: f64;
  falselyAdmitted: f64;
  /** Rows given up, by reason. */
  expired: f64;
  idle: f64;
  small: f64;
  empty: f64;
  displaced: f64;
  /** Rows made for keys that had one before, estimated. */
  readmitted: f64;
}

/** Reasons to give a row up: the places of their counts. */
export const EXPIRED: usize = offsetof<Life>("expired");
export const IDLE: usize = offsetof<Life>("idle");
export const SMALL: usize = offsetof<Life>("small");
export const EMPTY: usize = offsetof<Life>("empty");

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

@external("env", "takeRemoved")
declare function takeRemoved(count: u32): void;

/** Takes the workspace. Call before `openAdmission`, `openEviction` and `open`; false where there is no room. */
export function openLifecycle(): bool {
  stateAt = workspace(offsetof<Life>());
  removedAt = workspace((<usize>REMOVED_KEYS) << 3);
  return removedAt != 0;
}

export function lifecycleAddress(): usize {
  return stateAt;
}

/** Says where the stream is before a batch is learned. Neither ever goes back. */
export function setClock(examples: f64, time: f64): void {
  life().examples = max<f64>(examples, life().examples);
  life().seconds = max<f64>(time, life().seconds);
  readClock();
}

/** Rows learned from now on belong to event r of the batch. */
@inline
export function beginEvent(r: u32): void {
  now = <u32>(<u64>life().examples + r);
}

/** Takes the clock from the state, after the host has restored it. */
export function readClock(): void {
  now = <u32>(<u64>life().examples);
  seconds = <u32>(<u64>life().seconds);
}

@inline
export function life(): Life {
  return changetype<Life>(stateAt);
}

/** Counts a row that is given up, for one of the reasons above. */
@inline
export function countGivenUp(reason: usize): void {
  store<f64>(stateAt + reason, load<f64>(stateAt + reason) + 1);
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
  store<u64>(removedAt + ((<usize>removed) << 3), key);
  if (++removed < REMOVED_KEYS) return;
  takeRemoved(removed);
  removed = 0;
}
