// Rows of separated values: tsv, and unquoted csv; rows with quotes are read by quoted.ts.
import { BLANK, MAX_ROW, MAX_VALUE, OK } from "./codes";
import {
  block,
  highAhead,
  lookAhead,
  next,
  nextEnd,
  nextLine,
  nextLineEnd,
  passAhead,
  restartAt,
  skipTo,
} from "./delimiters";
import { acceptRow, textsFault } from "./fields";
import { keptFull } from "./kept";
import { Slot, plan, setFailedSlot, setMayFail } from "./plan";
import { INCOMPLETE, isBlank, oddEnd, oddLines, oddRow, trimmedEnd } from "./quoted";
import { FULL, MORE, cursor, pass, reject, rows } from "./rows";
import { isUtf8 } from "./utf8";

/** Sets the slots of all columns from the delimiters ahead. */
@inline
function setSlots(columns: usize, width: usize, delimiters: usize): void {
  for (let column: usize = 0; column < width; column += 16) {
    const stops = v128.load(delimiters + column);
    const starts = i32x4.add(v128.load(delimiters + column - 4), i32x4.splat(1));
    const sizes = i32x4.sub(stops, starts);
    const low = v128.shuffle<i32>(starts, sizes, 0, 4, 1, 5);
    const high = v128.shuffle<i32>(starts, sizes, 2, 6, 3, 7);
    const to = columns + column;
    v128.store64_lane(load<usize>(to), low, 0);
    v128.store64_lane(load<usize>(to, 4), low, 1);
    v128.store64_lane(load<usize>(to, 8), high, 0);
    v128.store64_lane(load<usize>(to, 12), high, 1);
  }
}

/** True unless a line is blank or a row too long. */
@inline
function isPlain(start: usize, newline: usize): bool {
  const size = newline - start;
  return size > 1 ? size <= MAX_ROW : size == 1 && load<u8>(start) != 13;
}

/** Whether every delimiter from `at` to before `end` is a separator, not a quote. */
function areSeparators(at: usize, end: usize): bool {
  for (let p = at; p < end; p += 4) {
    if (<u32>load<u8>(load<usize>(p)) != plan.separator) return false;
  }
  return true;
}

/**
 * Scans rows of separated values.
 * @param limit right after the last newline of the input
 * @param end the end of the input
 * @param ended whether the file ends there
 */
export function scanDelimited(limit: usize, end: usize, ended: bool, capacity: u32): u32 {
  const columns = plan.columns;
  const width = plan.columnsEnd - columns;
  const quoted = plan.quote != plan.separator;
  const keeps = plan.keptRows != 0;
  restartAt(cursor);
  while (cursor < limit) {
    if (rows == capacity || (keeps && keptFull())) return FULL;
    if (nextEnd - next < width && block < limit) lookAhead(width, limit);
    setFailedSlot(0);
    const start = cursor;
    const last = next + width - 4;
    let newline = load<usize>(last);
    let count: u32 = 1;
    let why: u32;
    const found = last < nextEnd && nextLine < nextLineEnd && newline == load<usize>(nextLine);
    if (found && isPlain(start, newline) && (!quoted || areSeparators(next, last))) {
      setSlots(columns, width, next);
      passAhead(width);
      if (load<u8>(newline - 1) == 13) trimReturn();
      if (plan.trim) trimSlots();
      why = highAhead && !isUtf8(start, newline) ? textsFault() : OK;
    } else {
      why = oddRow(start, limit, end, ended);
      if (why == INCOMPLETE) return MORE;
      newline = oddEnd;
      count = oddLines;
      if (why == OK && !isUtf8(start, newline)) why = textsFault();
      skipTo(newline + 1);
    }
    setMayFail(newline - start > MAX_VALUE);
    if (why == OK) why = acceptRow(rows);
    if (why != OK && why != BLANK) return reject(why, start, newline, count);
    pass(newline, count, <u32>(why == OK));
  }
  return rows == capacity ? FULL : MORE;
}

/** Removes the carriage return from the row's last value. */
function trimReturn(): void {
  const slot = changetype<Slot>(load<usize>(plan.columnsEnd - 4));
  if (slot.size) slot.size--;
}

/** Removes the spaces around the values of all columns. */
function trimSlots(): void {
  for (let column = plan.columns; column < plan.columnsEnd; column += 4) {
    const slot = changetype<Slot>(load<usize>(column));
    let at = slot.at;
    const end = trimmedEnd(at, at + slot.size);
    while (at < end && isBlank(at)) at++;
    slot.at = at;
    slot.size = <u32>(end - at);
  }
}
