// Parses a score request's body, {"context": {...}, "candidates": [{...}, ...], "options": {...}}, without creating
// objects: its members are located, then candidates are read one after the other, as many at a time as the host wants
// rows. Any other form is "odd": the host then parses it by other means, which also produces the error message.
import { MAX_ROW, OK } from "./codes";
import { acceptRow, beginContext, clearNulls } from "./fields";
import { Node, clearRow, forgetContext, keepContext, object, readObject, toContext } from "./json";
import { skip, skipSpace } from "./json-text";
import { plan, scratchEnd, setFailedSlot, setMayFail } from "./plan";
import { noteIn } from "./unknown";

/** Results of reading candidates: more follow, that was the last one, or the body is odd (or truncated). */
const MORE: u32 = 0;
const LAST: u32 = 1;
const ODD: u32 = 2;

/** The context object; both 0 if there is none. */
export let contextAt: usize = 0;
export let contextEnd: usize = 0;
/** The options object; both 0 if there is none. */
export let optionsAt: usize = 0;
export let optionsEnd: usize = 0;
/** The next candidate, or what follows the array. */
export let nextAt: usize = 0;
/** The row after the last one read. */
export let nextRow: u32 = 0;

/** Whether the `size` bytes at p are a quoted name: `low` is its first eight bytes, `high` its last eight. */
@inline
function isName(p: usize, size: usize, low: u64, high: u64): bool {
  return load<u64>(p) == low && load<u64>(p + size - 8) == high;
}

/** `"context"` and `"options"` have nine bytes, `"candidates"` twelve. */
@inline
function isContext(p: usize): bool {
  return isName(p, 9, 0x747865746e6f6322, 0x22747865746e6f63);
}
@inline
function isCandidates(p: usize): bool {
  return isName(p, 12, 0x616469646e616322, 0x2273657461646964);
}

@inline
function isOptions(p: usize): bool {
  return isName(p, 9, 0x736e6f6974706f22, 0x22736e6f6974706f);
}

/** From after a name to its value; 0 if there is no colon. */
@inline
function valueAt(at: usize): usize {
  const p = skipSpace(at);
  return load<u8>(p) == 58 ? skipSpace(p + 1) : 0;
}

/** From after a value to the next name, or to `end` after the body's closing brace; 0 for anything else. */
function passMember(at: usize, end: usize): usize {
  let p = skipSpace(at);
  const c: u32 = load<u8>(p);
  p = skipSpace(p + 1);
  if (c == 44) return p < end ? p : 0;
  return c == 125 && p == end ? end : 0;
}

/** From the colon to after the value, which must be an object; else 0. */
function passObject(at: usize): usize {
  const p = valueAt(at);
  return p && load<u8>(p) == 123 ? skip(p, 0) : 0;
}

/** Skips the options. */
function passOptions(p: usize): usize {
  const end = passObject(p + 9);
  optionsAt = valueAt(p + 9);
  optionsEnd = end;
  return end;
}

/** State of a body: undetermined after its candidates, valid, or odd. */
const OPEN: u32 = 0;
const WHOLE: u32 = 1;

/**
 * Locates the members of the body [at, end), which is followed by a zero byte. What follows the candidates is examined
 * here only if the context did not precede them.
 */
export function openRequest(at: usize, end: usize): u32 {
  contextAt = contextEnd = optionsAt = optionsEnd = nextAt = 0;
  let p = skipSpace(at);
  if (load<u8>(p) != 123) return ODD;
  p = skipSpace(p + 1);
  while (p && p < end) {
    if (isCandidates(p) && !nextAt) {
      p = valueAt(p + 12);
      if (!p || load<u8>(p) != 91) return ODD;
      nextAt = skipSpace(p + 1);
      if (contextAt) return OPEN;
      p = skip(p, 0);
    } else if (isContext(p) && !contextAt) {
      contextAt = valueAt(p + 9);
      p = contextEnd = passObject(p + 9);
    } else if (isOptions(p) && !optionsAt) p = passOptions(p);
    else return ODD;
    if (p) p = passMember(p, end);
  }
  return p == end && nextAt ? WHOLE : ODD;
}

/**
 * Checks what follows the candidates, [at, end), followed by a zero byte: nothing, or the options if they are `wanted`.
 */
export function endRequest(at: usize, end: usize, wanted: bool): bool {
  optionsAt = optionsEnd = 0;
  let p = passMember(at, end);
  if (p && p != end && wanted && isOptions(p)) {
    p = passOptions(p);
    if (p) p = passMember(p, end);
  }
  return p == end;
}

/** End of the context's text in the scratch. */
let contextScratch: usize = 0;

/** Reads the context of a request, [at, end); `copy` has room for all slots. @returns a reject code */
export function readContext(at: usize, end: usize, copy: usize): u32 {
  setFailedSlot(0);
  forgetContext();
  clearRow();
  noteIn(false);
  const why = readObject(at, end);
  if (why) return why;
  clearNulls();
  keepContext(copy);
  beginContext();
  contextScratch = scratchEnd;
  return OK;
}

/** Reads one candidate over the context as row `row`. @returns a reject code */
export function readCandidate(at: usize, end: usize, copy: usize, row: u32): u32 {
  setFailedSlot(0);
  noteIn(true);
  toContext(copy, contextScratch);
  const why = readObject(at, end);
  setMayFail(true);
  return why ? why : acceptRow(row);
}

/** Reads one candidate over the context as row `row`, from its brace on. @returns the address after it; 0: odd */
@inline
function candidate(p: usize, copy: usize, row: u32): usize {
  if (load<u8>(p) != 123) return 0;
  toContext(copy, contextScratch);
  const end = object(p + 1, changetype<Node>(plan.root), 1);
  if (!end || end - p > MAX_ROW >> 1) return 0;
  setMayFail(true);
  return acceptRow(row) == OK ? end : 0;
}

/**
 * Reads candidates from `at` on as rows `row` to `most` (exclusive), after the context was read. `nextAt` and `nextRow`
 * are where it stopped.
 */
export function readCandidates(at: usize, copy: usize, row: u32, most: u32): u32 {
  setFailedSlot(0);
  noteIn(true);
  nextAt = skipSpace(at);
  nextRow = row;
  while (nextRow < most) {
    let p = candidate(nextAt, copy, nextRow);
    if (!p) return ODD;
    p = skipSpace(p);
    const c: u32 = load<u8>(p);
    if (c != 44 && c != 93) return ODD;
    nextRow++;
    nextAt = skipSpace(p + 1);
    if (c == 93) return LAST;
  }
  return MORE;
}
