// State of the scan: position in the input, rows in the batch, last rejected row.
import { COLUMN_COUNT, OK, UNKNOWN_SCHEMA } from "./codes";
import { MARK_BYTES, Mark, plan, setFailedSlot } from "./plan";

/** Results of a scan: the input is used up, the batch is full, or a row is rejected. */
export const MORE: u32 = 0;
export const FULL: u32 = 1;
const REJECT: u32 = 2;

/** The next byte to read, the number of rows in the batch, and of lines read since `setCursor`. */
export let cursor: usize = 0;
export let rows: u32 = 0;
export let lines: u32 = 0;

/** The last rejected row: its code, its bytes, the lines read before it. */
export let code: u32 = OK;
export let rowStart: usize = 0;
export let rowEnd: usize = 0;
export let rowLine: u32 = 0;

export function setCursor(at: usize): void {
  cursor = at;
  lines = 0;
}

export function setRows(count: u32): void {
  rows = count;
}

/** Continues after a row of `count` lines that ends at `end`; `accepted` is the number of rows made of it, 0 or 1. */
@inline
export function pass(end: usize, count: u32, accepted: u32): void {
  lines += count;
  cursor = end + 1;
  if (!accepted) return;
  if (plan.marks) mark();
  rows++;
}

function mark(): void {
  const at = changetype<Mark>(plan.marks + <usize>rows * MARK_BYTES);
  at.end = cursor;
  at.lines = lines;
  at.risen = <u32>((plan.changesEnd - plan.changes) >> 2);
}

/** Continues after a rejected row: its bytes are [start, end), `count` lines. */
export function reject(why: u32, start: usize, end: usize, count: u32): u32 {
  code = why;
  rowStart = start;
  rowEnd = end;
  rowLine = lines;
  pass(end, count, 0);
  return REJECT;
}

/** Rejects a message [start, end) with an unknown schema. */
export function refuseUnknown(start: usize, end: usize): u32 {
  setFailedSlot(0);
  return reject(UNKNOWN_SCHEMA, start, end, 1);
}

/** Removes the row last accepted and rejects its message [start, end), which had more than one row. */
export function refuseMessage(start: usize, end: usize): u32 {
  rows--;
  lines = 0;
  setFailedSlot(0);
  return reject(COLUMN_COUNT, start, end, 1);
}

/** The end of a row's text: before a carriage return. */
@inline
export function textEnd(start: usize, end: usize): usize {
  return end > start && load<u8>(end - 1) == 13 ? end - 1 : end;
}
