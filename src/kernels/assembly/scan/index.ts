// The kernel module `scan`: bytes of events → one batch region, by the decode plan the host laid out (plan.ts).
import { OK } from "./codes";
import { acceptRow, fillLogs, setJoined } from "./fields";
import { clearRow, forgetContext, keepContext, readObject, toContext } from "./json";
import { setPowers } from "./number";
import { failedSlot, plan, scratchEnd, setFailedSlot, setMayFail, setPlan } from "./plan";
import { code, cursor, lines, rowEnd, rowLine, rowStart, rows } from "./rows";
import { xxh64 as hash } from "./xxh64";

export { chainOf, setMembers } from "./json";
export { keepRow, takeKept } from "./kept";
export { parseNumber } from "./number";
export { scanDelimited } from "./delimited";
export { scanLines, scanMessage } from "./lines";
export { refuseMessage, setCursor, setRows } from "./rows";
export { isUtf8 } from "./utf8";

/** The first free byte of the memory. */
export function heapBase(): usize {
  return __heap_base;
}

/** Takes a plan into use. @param joined room for the keys of the widest cross @param powers see number.ts */
export function configure(plan: usize, joined: usize, powers: usize): void {
  setPlan(plan);
  setJoined(joined);
  setPowers(powers);
  fillLogs();
}

/** XXH64 of `size` bytes at `at`. */
export function xxh64(at: usize, size: u32, seed: u64): u64 {
  return hash(at, size, seed);
}

export function getCursor(): usize {
  return cursor;
}
export function getRows(): u32 {
  return rows;
}
export function getLines(): u32 {
  return lines;
}
export function getCode(): u32 {
  return code;
}
export function getRowStart(): usize {
  return rowStart;
}
export function getRowEnd(): usize {
  return rowEnd;
}
export function getRowLine(): u32 {
  return rowLine;
}
export function getFailedSlot(): usize {
  return failedSlot;
}

/** Where the text of the context ends among the unescaped texts. */
let contextScratch: usize = 0;

/** Reads the context of a request, [at, end); `copy` has room for all slots. @returns a reject code */
export function readContext(at: usize, end: usize, copy: usize): u32 {
  setFailedSlot(0);
  forgetContext();
  clearRow();
  const why = readObject(at, end);
  if (why) return why;
  keepContext(copy);
  contextScratch = scratchEnd;
  return OK;
}

/** Reads one candidate over the context and makes it row `row`. @returns a reject code */
export function readCandidate(at: usize, end: usize, copy: usize, row: u32): u32 {
  setFailedSlot(0);
  toContext(copy, contextScratch);
  const why = readObject(at, end);
  setMayFail(true);
  return why ? why : acceptRow(row);
}

export function getWatches(): usize {
  return plan.watches;
}
export function getWatchesEnd(): usize {
  return plan.watchesEnd;
}

/** Forgets the register changes reported so far. @returns bytes of changes */
export function takeChanges(): u32 {
  const bytes = <u32>(plan.changesEnd - plan.changes);
  plan.changesEnd = plan.changes;
  return bytes;
}
