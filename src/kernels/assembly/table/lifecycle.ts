// State of the life cycle of an exact table's rows: position in the stream, and counts. One block of numbers that the
// host saves and restores as a whole.
import { workspace } from "./memory";

@unmanaged
class Life {
  /** Examples learned before the current batch, and event time in seconds. */
  examples: f64;
  seconds: f64;
  /**
   * eviction.ts: the row at the hand; the examples at its last step, at the start of its lap and of the previous lap.
   */
  hand: f64;
  swept: f64;
  lap: f64;
  lapBefore: f64;
  /** admission.ts: number of decisions, which determines draws and ageing. */
  asked: f64;
  /** New keys that got a row; occurrences that used the default row; estimated number of keys admitted too early. */
  admitted: f64;
  refused: f64;
  falselyAdmitted: f64;
  /** Rows removed, by reason. */
  expired: f64;
  idle: f64;
  small: f64;
  empty: f64;
  displaced: f64;
  /** Estimated number of rows created for keys that had one before. */
  readmitted: f64;
}

/** Reasons to remove a row, as offsets of their counters. */
export const EXPIRED: usize = offsetof<Life>("expired");
export const IDLE: usize = offsetof<Life>("idle");
export const SMALL: usize = offsetof<Life>("small");
export const EMPTY: usize = offsetof<Life>("empty");

/** Capacity of the list of removed keys; when it is full, the host takes them. */
const REMOVED_KEYS: u32 = 1024;

let stateAt: usize = 0;
/** The examples as stored in rows: modulo 2^32. */
export let now: u32 = 0;
export let seconds: u32 = 0;

/** Bytes of a row between key and state; 0 if rows are never removed. */
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

/** Allocates the workspace. Call before `openAdmission`, `openEviction` and `open`; false if there is no room. */
export function openLifecycle(): bool {
  stateAt = workspace(offsetof<Life>());
  removedAt = workspace((<usize>REMOVED_KEYS) << 3);
  return removedAt != 0;
}

export function lifecycleAddress(): usize {
  return stateAt;
}

/** Sets the position in the stream before a batch is learned. Neither number may decrease. */
export function setClock(examples: f64, time: f64): void {
  life().examples = max<f64>(examples, life().examples);
  life().seconds = max<f64>(time, life().seconds);
  readClock();
}

/** Sets the clock to event r of the batch, for the rows updated from now on. */
@inline
export function beginEvent(r: u32): void {
  now = <u32>(<u64>life().examples + r);
}

/** Reads the clock from the state after the host has restored it. */
export function readClock(): void {
  now = <u32>(<u64>life().examples);
  seconds = <u32>(<u64>life().seconds);
}

@inline
export function life(): Life {
  return changetype<Life>(stateAt);
}

/** Counts a removed row, for one of the reasons above. */
@inline
export function countGivenUp(reason: usize): void {
  store<f64>(stateAt + reason, load<f64>(stateAt + reason) + 1);
}

/** Starts collecting the keys (hash: row numbers) of removed rows. */
export function collectRemoved(): void {
  collecting = true;
}

export function removedAddress(): usize {
  return removedAt;
}

/** Number of collected keys. */
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
