// Rows of separated values that need more than the fast path: quoted (RFC 4180), empty, too long, or with another
// number of columns.
import { BAD_QUOTE, BLANK, COLUMN_COUNT, MAX_ROW, OK, ROW_TOO_LONG } from "./codes";
import { Slot, plan, scratchEnd, setScratchEnd } from "./plan";
import { textEnd } from "./rows";

/** Besides reject codes: the row's end has not been read yet. */
export const INCOMPLETE: u32 = 101;

/** Address of the last such row's newline, and its number of lines. */
export let oddEnd: usize = 0;
export let oddLines: u32 = 0;

/**
 * Reads a row that does not consist of `columns` plain values: empty, too long, quoted, or with another number of
 * columns.
 * @returns a code
 */
export function oddRow(start: usize, limit: usize, end: usize, ended: bool): u32 {
  oddLines = 1;
  const line = firstLine(start, limit);
  const plain = plan.quote == plan.separator;
  oddEnd = line;
  if (textEnd(start, line) == start) return BLANK;
  if (plain) return line - start > MAX_ROW ? ROW_TOO_LONG : COLUMN_COUNT;
  setScratchEnd(plan.scratch);
  const why = quotedRow(start, min(limit, start + MAX_ROW + 1));
  if (why == OK || why == COLUMN_COUNT) return why;
  oddLines = 1;
  oddEnd = line;
  if (line - start > MAX_ROW) return ROW_TOO_LONG;
  if (why == BAD_QUOTE) return why;
  if (end - start > MAX_ROW) return ROW_TOO_LONG;
  return ended ? BAD_QUOTE : INCOMPLETE;
}

/** The first newline in [start, limit), which must exist. */
function firstLine(start: usize, limit: usize): usize {
  const n = i8x16.splat(10);
  let p = start;
  let found = i8x16.bitmask(i8x16.eq(v128.load(p), n));
  while (!found) {
    p += 16;
    found = i8x16.bitmask(i8x16.eq(v128.load(p), n));
  }
  return p + <usize>ctz(found);
}

/** Whether there is a space or tab at `p`. */
@inline
export function isBlank(p: usize): bool {
  const c = load<u8>(p);
  return c == 32 || c == 9;
}

/** The end of [start, end) without spaces behind it. */
export function trimmedEnd(start: usize, end: usize): usize {
  while (end > start && isBlank(end - 1)) end--;
  return end;
}

/** The address after spaces that are not part of a value. */
function afterBlanks(p: usize, stop: usize): usize {
  if (plan.trim) while (p < stop && isBlank(p)) p++;
  return p;
}

function setSlot(column: usize, start: usize, end: usize): void {
  store<u64>(load<usize>(column), <u64>start | ((<u64>(end - start)) << 32));
}

/**
 * Reads a row by RFC 4180: quoted values may contain separators, newlines and doubled quotes.
 * @returns OK, COLUMN_COUNT, BAD_QUOTE, or INCOMPLETE if no row ends before `stop`
 */
function quotedRow(start: usize, stop: usize): u32 {
  let column = plan.columns;
  let p = start;
  while (true) {
    const inside = column < plan.columnsEnd;
    const slot = inside ? load<usize>(column) : 0;
    p = afterBlanks(p, stop);
    if (p < stop && <u32>load<u8>(p) == plan.quote) {
      p = quotedValue(p + 1, stop, slot);
      if (p == 0) return INCOMPLETE;
      p = afterBlanks(p, stop);
    } else {
      const from = p;
      while (p < stop && !isDelimiter(p)) p++;
      if (p < stop && <u32>load<u8>(p) == plan.quote) return BAD_QUOTE;
      const until = p < stop && load<u8>(p) == 10 ? textEnd(from, p) : p;
      if (slot) setSlot(column, from, plan.trim ? trimmedEnd(from, until) : until);
    }
    if (p >= stop) return INCOMPLETE;
    column += 4;
    let c: u32 = load<u8>(p);
    if (c == 13 && p + 1 < stop && load<u8>(p, 1) == 10) c = load<u8>(++p);
    if (c == 10) break;
    if (c != plan.separator) return BAD_QUOTE;
    p++;
  }
  oddEnd = p;
  return column == plan.columnsEnd ? OK : COLUMN_COUNT;
}

@inline
function isDelimiter(p: usize): bool {
  const c: u32 = load<u8>(p);
  return c == plan.separator || c == 10 || c == plan.quote;
}

/**
 * Reads a value from after its opening quote.
 * @returns the address after its closing quote; 0 if it is not closed before `stop`
 */
function quotedValue(at: usize, stop: usize, slot: usize): usize {
  let p = at;
  let doubled = false;
  while (p < stop) {
    const c: u32 = load<u8>(p);
    if (c == plan.quote) {
      if (p + 1 < stop && <u32>load<u8>(p, 1) != plan.quote) break;
      if (p + 1 >= stop) return 0;
      doubled = true;
      p++;
    } else if (c == 10) oddLines++;
    p++;
  }
  if (p >= stop) return 0;
  if (slot) {
    if (doubled) undouble(changetype<Slot>(slot), at, p);
    else {
      changetype<Slot>(slot).at = at;
      changetype<Slot>(slot).size = <u32>(p - at);
    }
  }
  return p + 1;
}

/** Copies [at, end) with doubled quotes replaced by single ones. */
function undouble(slot: Slot, at: usize, end: usize): void {
  let out = scratchEnd;
  for (let p = at; p < end; p++) {
    const c: u32 = load<u8>(p);
    store<u8>(out++, c);
    if (c == plan.quote) p++;
  }
  slot.at = scratchEnd;
  slot.size = <u32>(out - scratchEnd);
  setScratchEnd(out);
}
