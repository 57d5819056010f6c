// The kernel module `scan`: bytes of events → one batch region, by the decode plan the host laid out (plan.ts).
import { fillLogs, setJoined } from "./fields";
import { setPowers } from "./number";
import { failedSlot, plan, setPlan } from "./plan";
import { contextAt, contextEnd, nextAt, nextRow, optionsAt, optionsEnd } from "./request";
import { code, cursor, lines, rowEnd, rowLine, rowStart, rows } from "./rows";
import { fillPairs } from "./written";
import { xxh64 as hash } from "./xxh64";

export { scanAvro } from "./avro";
export { chainOf, setMembers } from "./json";
export { keepRow, keptFull, takeKept } from "./kept";
export { parseNumber } from "./number";
export { scanProtobuf } from "./protobuf";
export { setSpare } from "./proto-values";
export { scanDelimited } from "./delimited";
export { scanLines, scanMessage } from "./lines";
export { refuseMessage, refuseUnknown, setCursor, setRows } from "./rows";
export { endRequest, openRequest, readCandidate, readCandidates, readContext } from "./request";
export { readRows, readShared } from "./tensors";
export { openUnknown, takeUnknown } from "./unknown";
export { isUtf8 } from "./utf8";

/** The first free byte of the memory. */
export function heapBase(): usize {
  return __heap_base;
}

/**
 * Sets the plan.
 * @param joined room for the keys of the widest cross
 * @param powers see number.ts
 */
export function configure(plan: usize, joined: usize, powers: usize): void {
  setPlan(plan);
  setJoined(joined);
  setPowers(powers);
  fillLogs();
  fillPairs();
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

export function getContextAt(): usize {
  return contextAt;
}
export function getContextEnd(): usize {
  return contextEnd;
}
export function getOptionsAt(): usize {
  return optionsAt;
}
export function getOptionsEnd(): usize {
  return optionsEnd;
}
export function getNextAt(): usize {
  return nextAt;
}
export function getNextRow(): u32 {
  return nextRow;
}

export function getWatches(): usize {
  return plan.watches;
}
export function getWatchesEnd(): usize {
  return plan.watchesEnd;
}

/** Clears the list of changed registers. @returns its size in bytes */
export function takeChanges(): u32 {
  const bytes = <u32>(plan.changesEnd - plan.changes);
  plan.changesEnd = plan.changes;
  return bytes;
}
