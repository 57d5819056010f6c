// Finds the rows of the input and puts the accepted ones into the batch, until the batch is full, the input is used up,
// or a row is rejected.
import { BAD_QUOTE, BAD_UTF8, COLUMN_COUNT, MAX_ROW, MAX_VALUE, OK, ROW_TOO_LONG } from "./codes";
import { acceptRow } from "./fields";
import { clearRow, readObject } from "./json";
import { Slot, plan, scratchEnd, setFailedSlot, setMayFail, setScratchEnd } from "./plan";
import { isUtf8 } from "./utf8";
import { readExample } from "./vw";

const MORE: u32 = 0;
const FULL: u32 = 1;
const REJECT: u32 = 2;

/** The next byte to read, the rows in the batch, the lines read since `setCursor`. */
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

/** Ends a row that cannot be used: its bytes are [start, end), `count` lines. */
function reject(why: u32, start: usize, end: usize, count: u32): u32 {
  code = why;
  rowStart = start;
  rowEnd = end;
  rowLine = lines;
  lines += count;
  cursor = end + 1;
  return REJECT;
}

/** The end of a row's text: before the carriage return, if there is one. */
@inline
function textEnd(start: usize, end: usize): usize {
  return end > start && load<u8>(end - 1) == 13 ? end - 1 : end;
}

// ---- json lines, vw ----

/** One bit per byte of the 64 at `block`: newlines. Sets `highBits` when any byte is above 0x7F. */
let highBits: u32 = 0;

@inline
function newlines(block: usize): u64 {
  const a = v128.load(block), b = v128.load(block, 16), c = v128.load(block, 32), d = v128.load(block, 48);
  const n = i8x16.splat(10);
  highBits |= i8x16.bitmask(v128.or(v128.or(a, b), v128.or(c, d)));
  return <u64>i8x16.bitmask(i8x16.eq(a, n)) | (<u64>i8x16.bitmask(i8x16.eq(b, n)) << 16) |
    (<u64>i8x16.bitmask(i8x16.eq(c, n)) << 32) | (<u64>i8x16.bitmask(i8x16.eq(d, n)) << 48);
}

/** The first newline in [start, ...): there is one. */
function findNewline(start: usize): usize {
  highBits = 0;
  let block = start;
  let found = newlines(block);
  while (!found) {
    block += 64;
    found = newlines(block);
  }
  return block + <usize>ctz(found);
}

/** Scans rows that end with their line. @param limit right after the last newline of the input @param vw or JSON */
export function scanLines(limit: usize, capacity: u32, vw: bool): u32 {
  while (cursor < limit) {
    if (rows == capacity) return FULL;
    const start = cursor;
    const newline = findNewline(start);
    const end = textEnd(start, newline);
    if (end > start) {
      setFailedSlot(0);
      const why = newline - start > MAX_ROW ? ROW_TOO_LONG : readLine(start, end, vw);
      if (why) return reject(why, start, newline, 1);
      rows++;
    }
    cursor = newline + 1;
    lines++;
  }
  return rows == capacity ? FULL : MORE;
}

/** One row of JSON or VW. @returns a reject code */
function readLine(start: usize, end: usize, vw: bool): u32 {
  setFailedSlot(0);
  if (highBits && !isUtf8(start, end)) return BAD_UTF8;
  clearRow();
  setMayFail(end - start > MAX_VALUE);
  const why = vw ? readExample(start, end) : readObject(start, end);
  return why ? why : acceptRow(rows);
}

/** One message that is one event, [start, end), of JSON or VW. */
export function scanMessage(start: usize, end: usize, vw: bool): u32 {
  highBits = 1;
  const why = readLine(start, end, vw);
  if (why) return reject(why, start, end, 1);
  rows++;
  lines++;
  return MORE;
}

/** Takes back the row last accepted: the message [start, end) had more than one. */
export function refuseMessage(start: usize, end: usize): u32 {
  rows--;
  lines = 0;
  setFailedSlot(0);
  return reject(COLUMN_COUNT, start, end, 1);
}

// ---- tsv, csv ----

/** One bit per byte of the 64 at `block`: those equal to `byte`. */
@inline
function bytesEqual(a: v128, b: v128, c: v128, d: v128, byte: v128): u64 {
  return <u64>i8x16.bitmask(i8x16.eq(a, byte)) | (<u64>i8x16.bitmask(i8x16.eq(b, byte)) << 16) |
    (<u64>i8x16.bitmask(i8x16.eq(c, byte)) << 32) | (<u64>i8x16.bitmask(i8x16.eq(d, byte)) << 48);
}

/** Writes the positions of four set bits; where there are fewer, what is written does not count. @returns the bits left */
@inline
function writeFour(bits: u64, block: usize, to: usize): u64 {
  let left = bits;
  store<u32>(to, <u32>block + <u32>ctz(left));
  left &= left - 1;
  store<u32>(to, <u32>block + <u32>ctz(left), 4);
  left &= left - 1;
  store<u32>(to, <u32>block + <u32>ctz(left), 8);
  left &= left - 1;
  store<u32>(to, <u32>block + <u32>ctz(left), 12);
  return left & (left - 1);
}

/** Adds the positions of all set bits to a list: many at a time, as counting them out one by one means wrong guesses. @returns its end */
@inline
function writePositions(bits: u64, block: usize, list: usize): usize {
  let left = bits;
  let to = list;
  do {
    left = writeFour(left, block, to);
    left = writeFour(left, block, to + 16);
    left = writeFour(left, block, to + 32);
    to += 48;
  } while (left);
  return list + (<usize>popcnt(bits) << 2);
}

/**
 * The delimiters ahead, as lists of u32 addresses: all of them (separators, quotes, newlines), and the newlines. Each list is
 * preceded by one more word; what stands before the first delimiter is the byte before the row.
 */
let next: usize = 0;
let nextEnd: usize = 0;
let nextLine: usize = 0;
let nextLineEnd: usize = 0;
/** The next block to look at, and its bytes that count. */
let block: usize = 0;
let blockMask: u64 = 0;
/** Whether the rows ahead may have bytes above 0x7F. */
let highAhead: u32 = 0;
/** Delimiters are looked for this many (bytes of the list) ahead of those a row needs. */
const AHEAD: usize = 2048;

/** Forgets what is ahead; the next row begins at p. */
function restartAt(p: usize): void {
  next = nextEnd = plan.positions;
  nextLine = nextLineEnd = plan.lines;
  store<u32>(next - 4, <u32>p - 1);
  block = p & ~63;
  blockMask = ~<u64>0 << <u64>(p & 63);
  highBits = 0;
}

/** Passes over what is ahead up to an address. */
function skipTo(p: usize): void {
  while (next < nextEnd && load<usize>(next) < p) next += 4;
  while (nextLine < nextLineEnd && load<usize>(nextLine) < p) nextLine += 4;
  if (next == nextEnd) restartAt(p);
  else store<u32>(next - 4, <u32>p - 1);
}

/** Looks ahead until there are `bytes` of delimiters and some, or up to `limit`. */
function lookAhead(bytes: usize, limit: usize): void {
  highAhead = highBits;
  highBits = 0;
  memory.copy(plan.positions - 4, next - 4, nextEnd - next + 4);
  nextEnd = plan.positions + (nextEnd - next);
  next = plan.positions;
  memory.copy(plan.lines, nextLine, nextLineEnd - nextLine);
  nextLineEnd = plan.lines + (nextLineEnd - nextLine);
  nextLine = plan.lines;
  const separator = i8x16.splat(<i8>plan.separator), quote = i8x16.splat(<i8>plan.quote), newline = i8x16.splat(10);
  const quoted = plan.quote != plan.separator;
  const enough = next + bytes + AHEAD;
  let end = nextEnd, lineEnd = nextLineEnd, at = block, mask = blockMask, high: u32 = 0;
  while (end < enough && at < limit) {
    const a = v128.load(at), b = v128.load(at, 16), c = v128.load(at, 32), d = v128.load(at, 48);
    high |= i8x16.bitmask(v128.or(v128.or(a, b), v128.or(c, d)));
    const lines = bytesEqual(a, b, c, d, newline) & mask;
    let all = (bytesEqual(a, b, c, d, separator) & mask) | lines;
    if (quoted) all |= bytesEqual(a, b, c, d, quote) & mask;
    end = writePositions(all, at, end);
    store<u32>(lineEnd, <u32>at + <u32>ctz(lines));
    if (popcnt(lines) > 1) lineEnd = writePositions(lines, at, lineEnd);
    else lineEnd += <usize>popcnt(lines) << 2;
    mask = ~<u64>0;
    at += 64;
  }
  nextEnd = end;
  nextLineEnd = lineEnd;
  block = at;
  blockMask = mask;
  highBits = high;
  highAhead |= high;
}

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

/** Neither a blank line nor a row that is too long. */
@inline
function isPlain(start: usize, newline: usize): bool {
  const size = newline - start;
  return size > 1 ? size <= MAX_ROW : size == 1 && load<u8>(start) != 13;
}

function setSlot(column: usize, start: usize, end: usize): void {
  store<u64>(load<usize>(column), <u64>start | (<u64>(end - start) << 32));
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
  restartAt(cursor);
  while (cursor < limit) {
    if (rows == capacity) return FULL;
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
      next += width;
      nextLine += 4;
      if (load<u8>(newline - 1) == 13) trimReturn();
      why = highAhead && !isUtf8(start, newline) ? BAD_UTF8 : OK;
    } else {
      why = oddRow(start, limit, end, ended);
      if (why == INCOMPLETE) return MORE;
      newline = oddEnd;
      count = oddLines;
      if (why == OK && !isUtf8(start, newline)) why = BAD_UTF8;
      skipTo(newline + 1);
    }
    setMayFail(newline - start > MAX_VALUE);
    if (why == OK) why = acceptRow(rows);
    if (why == OK) rows++;
    else if (why != BLANK) return reject(why, start, newline, count);
    cursor = newline + 1;
    lines += count;
  }
  return rows == capacity ? FULL : MORE;
}

/** Takes the carriage return off the row's last value. */
function trimReturn(): void {
  const slot = changetype<Slot>(load<usize>(plan.columnsEnd - 4));
  if (slot.size) slot.size--;
}

/** Besides reject codes: nothing to decode; the row's end has not been read yet. */
const BLANK: u32 = 100;
const INCOMPLETE: u32 = 101;

/** Where the last odd row's newline is, and how many lines it has. */
let oddEnd: usize = 0;
let oddLines: u32 = 0;

/** A row that is not just `columns` plain values: empty, too long, with quotes, or of another width. @returns a code */
function oddRow(start: usize, limit: usize, end: usize, ended: bool): u32 {
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

/** The first newline in [start, limit): there is one. */
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

/**
 * A row of RFC 4180: quoted values may hold separators, newlines and doubled quotes.
 * @returns OK, COLUMN_COUNT, BAD_QUOTE, or INCOMPLETE when no row ends before `stop`
 */
function quotedRow(start: usize, stop: usize): u32 {
  let column = plan.columns;
  let p = start;
  while (true) {
    const inside = column < plan.columnsEnd;
    const slot = inside ? load<usize>(column) : 0;
    if (p < stop && <u32>load<u8>(p) == plan.quote) {
      p = quotedValue(p + 1, stop, slot);
      if (p == 0) return INCOMPLETE;
    } else {
      const from = p;
      while (p < stop && !isDelimiter(p)) p++;
      if (p < stop && <u32>load<u8>(p) == plan.quote) return BAD_QUOTE;
      if (slot) setSlot(column, from, p < stop && load<u8>(p) == 10 ? textEnd(from, p) : p);
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

/** A value from after its opening quote. @returns the address after its closing quote, 0: it is not closed before `stop` */
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

/** Copies [at, end) with every pair of quotes made one. */
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
