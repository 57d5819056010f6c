// A strict parser of JSON's grammar (RFC 8259). Every function takes the address at which its production begins and
// returns the address after it, 0 if the text is invalid. The text is followed by a zero byte, so nothing reads past
// the end.
import { MAX_DEPTH } from "./codes";

@inline
export function skipSpace(at: usize): usize {
  let p = at;
  while (isSpace(load<u8>(p))) p++;
  return p;
}

@inline
function isSpace(c: u32): bool {
  return c <= 32 && (c == 32 || c == 10 || c == 13 || c == 9);
}

/** Whether the last string skipped has escapes. */
export let escaped: bool = false;

/** @param at right after the opening quote */
export function skipString(at: usize): usize {
  escaped = false;
  let p = at;
  while (true) {
    const v = v128.load(p);
    const stop = i8x16.bitmask(
      v128.or(v128.or(i8x16.eq(v, i8x16.splat(34)), i8x16.eq(v, i8x16.splat(92))), i8x16.lt_u(v, i8x16.splat(32))),
    );
    if (!stop) {
      p += 16;
      continue;
    }
    p += <usize>ctz(stop);
    const c: u32 = load<u8>(p);
    if (c == 34) return p + 1;
    if (c != 92) return 0;
    escaped = true;
    p = skipEscape(p);
    if (!p) return 0;
  }
}

function skipEscape(p: usize): usize {
  const c: u32 = load<u8>(p, 1);
  if (c == 117) return hex4(p + 2) < 0 ? 0 : p + 6;
  const known = c == 34 || c == 92 || c == 47 || c == 98 || c == 102 || c == 110 || c == 114 || c == 116;
  return known ? p + 2 : 0;
}

/** Four hexadecimal digits, -1 when they are not. */
function hex4(at: usize): i32 {
  let value = 0;
  for (let p = at; p < at + 4; p++) {
    const c: u32 = load<u8>(p);
    const letter = (c | 32) - 97;
    const digit = c - 48;
    if (digit > 9 && letter > 5) return -1;
    value = (value << 4) | <i32>(digit <= 9 ? digit : letter + 10);
  }
  return value;
}

/**
 * Writes the text of the valid string body [at, end) to `to` (which must have 16 bytes to spare).
 * @returns its size; -1 for an unpaired surrogate
 */
export function unescape(at: usize, end: usize, to: usize): i32 {
  let p = at;
  let out = to;
  while (p < end) {
    const v = v128.load(p);
    v128.store(out, v);
    const run = min<usize>(<usize>ctz(i8x16.bitmask(i8x16.eq(v, i8x16.splat(92))) | 0x10000), end - p);
    p += run;
    out += run;
    if (run == 16 || p == end) continue;
    const c: u32 = load<u8>(p, 1);
    p += 2;
    if (c != 117) {
      store<u8>(out++, c == 98 ? 8 : c == 102 ? 12 : c == 110 ? 10 : c == 114 ? 13 : c == 116 ? 9 : c);
      continue;
    }
    let point: u32 = hex4(p);
    p += 4;
    if (point - 0xd800 < 0x800) {
      const pair = point < 0xdc00 && p < end && load<u16>(p) == 0x755c;
      const low: u32 = pair ? hex4(p + 2) - 0xdc00 : 0xffff;
      if (low >= 0x400) return -1;
      point = 0x10000 + ((point - 0xd800) << 10) + low;
      p += 6;
    }
    out = encode(point, out);
  }
  return <i32>(out - to);
}

/** Writes a code point as UTF-8. */
function encode(point: u32, out: usize): usize {
  if (point < 0x80) {
    store<u8>(out, point);
    return out + 1;
  }
  if (point < 0x800) {
    store<u8>(out, 0xc0 | (point >> 6));
    store<u8>(out, 0x80 | (point & 63), 1);
    return out + 2;
  }
  if (point < 0x10000) {
    store<u8>(out, 0xe0 | (point >> 12));
    store<u8>(out, 0x80 | ((point >> 6) & 63), 1);
    store<u8>(out, 0x80 | (point & 63), 2);
    return out + 3;
  }
  store<u8>(out, 0xf0 | (point >> 18));
  store<u8>(out, 0x80 | ((point >> 12) & 63), 1);
  store<u8>(out, 0x80 | ((point >> 6) & 63), 2);
  store<u8>(out, 0x80 | (point & 63), 3);
  return out + 4;
}

@inline
function isDigit(p: usize): bool {
  return <u32>load<u8>(p) - 48 < 10;
}

export function skipNumber(at: usize): usize {
  let p = at;
  if (load<u8>(p) == 45) p++;
  if (!isDigit(p)) return 0;
  if (load<u8>(p) == 48) p++;
  else
    do p++;
    while (isDigit(p));
  if (load<u8>(p) == 46) {
    p++;
    if (!isDigit(p)) return 0;
    do p++;
    while (isDigit(p));
  }
  if ((load<u8>(p) | 32) == 101) {
    p++;
    const sign: u32 = load<u8>(p);
    if (sign == 43 || sign == 45) p++;
    if (!isDigit(p)) return 0;
    do p++;
    while (isDigit(p));
  }
  return p;
}

/** Skips true, false or null. */
@inline
export function skipLiteral(p: usize): usize {
  const text = load<u32>(p);
  if (text == 0x65757274 || text == 0x6c6c756e) return p + 4;
  return text == 0x736c6166 && load<u8>(p, 4) == 101 ? p + 5 : 0;
}

/** Skips a member's name, its colon, and the space around: from the opening quote to the value. */
function skipName(at: usize): usize {
  if (load<u8>(at) != 34) return 0;
  let p = skipString(at + 1);
  if (!p) return 0;
  p = skipSpace(p);
  return load<u8>(p) == 58 ? skipSpace(p + 1) : 0;
}

/** The closing bracket for each level of nesting. */
const closers: usize = memory.data(<i32>MAX_DEPTH + 8);

/** Skips any value. @param depth number of open brackets */
export function skip(at: usize, depth: u32): usize {
  let p = at;
  let level = depth;
  while (true) {
    const c: u32 = load<u8>(p);
    if (c == 34) p = skipString(p + 1);
    else if (c == 123 || c == 91) {
      if (++level > MAX_DEPTH) return 0;
      store<u8>(closers + level, c + 2);
      p = skipSpace(p + 1);
      if (load<u8>(p) != c + 2) {
        if (c == 123) p = skipName(p);
        if (!p) return 0;
        continue;
      }
      level--;
      p++;
    } else p = c == 45 || isDigit(p) ? skipNumber(p) : skipLiteral(p);
    if (!p) return 0;
    while (true) {
      if (level == depth) return p;
      p = skipSpace(p);
      const closer: u32 = load<u8>(closers + level);
      if (load<u8>(p) == 44) {
        p = skipSpace(p + 1);
        if (closer == 125) p = skipName(p);
        if (!p) return 0;
        break;
      }
      if (load<u8>(p) != closer) return 0;
      level--;
      p++;
    }
  }
}
