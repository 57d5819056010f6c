// Formats with one row per line: JSON lines, VW, libsvm and libffm.
import { BLANK, MAX_ROW, MAX_VALUE, OK, ROW_TOO_LONG } from "./codes";
import { bytesEqual } from "./delimiters";
import { acceptRow, textsFault } from "./fields";
import { clearRow, readObject } from "./json";
import { keptFull } from "./kept";
import { plan, setFailedSlot, setMayFail } from "./plan";
import { FULL, MORE, cursor, pass, reject, rows, textEnd } from "./rows";
import { readSparse } from "./sparse";
import { isUtf8 } from "./utf8";
import { readExample } from "./vw";

/** One bit per byte of the 64 at `block`: newlines. Sets `highBits` when any byte is above 0x7F. */
let highBits: u32 = 0;

@inline
function newlines(block: usize): u64 {
  const a = v128.load(block),
    b = v128.load(block, 16),
    c = v128.load(block, 32),
    d = v128.load(block, 48);
  highBits |= i8x16.bitmask(v128.or(v128.or(a, b), v128.or(c, d)));
  return bytesEqual(a, b, c, d, i8x16.splat(10));
}

/** The first newline from `start` on, which must exist. */
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

/** The formats of a row's text; 2 is libsvm. */
const JSON_OBJECT: u32 = 0;
const VW: u32 = 1;
const LIBFFM: u32 = 3;

/** Scans rows of one line each. @param limit right after the last newline of the input */
export function scanLines(limit: usize, capacity: u32, format: u32): u32 {
  const keeps = plan.keptRows != 0;
  while (cursor < limit) {
    if (rows == capacity || (keeps && keptFull())) return FULL;
    const start = cursor;
    const newline = findNewline(start);
    const end = textEnd(start, newline);
    let why: u32 = BLANK;
    if (end > start) {
      setFailedSlot(0);
      why = newline - start > MAX_ROW ? ROW_TOO_LONG : readLine(start, end, format);
      if (why != OK && why != BLANK) return reject(why, start, newline, 1);
    }
    pass(newline, 1, <u32>(why == OK));
  }
  return rows == capacity ? FULL : MORE;
}

function readText(start: usize, end: usize, format: u32): u32 {
  if (format == JSON_OBJECT) return readObject(start, end);
  return format == VW ? readExample(start, end) : readSparse(start, end, format == LIBFFM);
}

/** Reads one row. @returns a reject code, or BLANK */
function readLine(start: usize, end: usize, format: u32): u32 {
  setFailedSlot(0);
  clearRow();
  setMayFail(end - start > MAX_VALUE);
  let why = readText(start, end, format);
  if (why == OK && highBits && !isUtf8(start, end)) why = textsFault();
  return why ? why : acceptRow(rows);
}

/** Reads one message with one event, [start, end). */
export function scanMessage(start: usize, end: usize, format: u32): u32 {
  highBits = 1;
  const why = readLine(start, end, format);
  if (why != OK && why != BLANK) return reject(why, start, end, 1);
  pass(end, 1, <u32>(why == OK));
  return MORE;
}
