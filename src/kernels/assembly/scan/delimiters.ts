// Finds delimiters of separated values a few rows ahead, 64 bytes at a time (after simdjson, Langdale & Lemire 2019).
import { plan } from "./plan";

/** One bit per byte of the 64 at `block`: those equal to `byte`. */
@inline
export function bytesEqual(a: v128, b: v128, c: v128, d: v128, byte: v128): u64 {
  return (
    <u64>i8x16.bitmask(i8x16.eq(a, byte)) |
    ((<u64>i8x16.bitmask(i8x16.eq(b, byte))) << 16) |
    ((<u64>i8x16.bitmask(i8x16.eq(c, byte))) << 32) |
    ((<u64>i8x16.bitmask(i8x16.eq(d, byte))) << 48)
  );
}

/**
 * Writes the positions of the lowest four set bits; if fewer are set, the rest of what is written is meaningless.
 * @returns the bits left
 */
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

/**
 * Adds the positions of all set bits to a list, several at a time: a loop that ends with each last bit would be
 * mispredicted.
 * @returns the list's end
 */
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
  return list + ((<usize>popcnt(bits)) << 2);
}

/**
 * The delimiters ahead, as lists of u32 addresses: all of them (separators, quotes, newlines), and the newlines alone.
 * Each list is preceded by one more word: before the first delimiter stands the address of the byte before the row.
 */
export let next: usize = 0;
export let nextEnd: usize = 0;
export let nextLine: usize = 0;
export let nextLineEnd: usize = 0;
/** The next block to search, and the mask of its valid bytes. */
export let block: usize = 0;
let blockMask: u64 = 0;
/** Whether the blocks searched last have bytes above 0x7F. */
let highBits: u32 = 0;
/** Whether the upcoming rows may have bytes above 0x7F. */
export let highAhead: u32 = 0;
/** Number of list bytes by which the search runs ahead of the delimiters a row needs. */
const AHEAD: usize = 2048;

/** Discards the lists; the next row begins at p. */
export function restartAt(p: usize): void {
  next = nextEnd = plan.positions;
  nextLine = nextLineEnd = plan.lines;
  store<u32>(next - 4, <u32>p - 1);
  block = p & ~63;
  blockMask = ~(<u64>0) << (<u64>(p & 63));
  highBits = 0;
}

/** Skips the delimiters before an address. */
export function skipTo(p: usize): void {
  while (next < nextEnd && load<usize>(next) < p) next += 4;
  while (nextLine < nextLineEnd && load<usize>(nextLine) < p) nextLine += 4;
  if (next == nextEnd) restartAt(p);
  else store<u32>(next - 4, <u32>p - 1);
}

/** Searches ahead until there are at least `bytes` of delimiters, or up to `limit`. */
export function lookAhead(bytes: usize, limit: usize): void {
  highAhead = highBits;
  highBits = 0;
  memory.copy(plan.positions - 4, next - 4, nextEnd - next + 4);
  nextEnd = plan.positions + (nextEnd - next);
  next = plan.positions;
  memory.copy(plan.lines, nextLine, nextLineEnd - nextLine);
  nextLineEnd = plan.lines + (nextLineEnd - nextLine);
  nextLine = plan.lines;
  const separator = i8x16.splat(<i8>plan.separator),
    quote = i8x16.splat(<i8>plan.quote),
    newline = i8x16.splat(10);
  const quoted = plan.quote != plan.separator;
  const enough = next + bytes + AHEAD;
  let end = nextEnd,
    lineEnd = nextLineEnd,
    at = block,
    mask = blockMask,
    high: u32 = 0;
  while (end < enough && at < limit) {
    const a = v128.load(at),
      b = v128.load(at, 16),
      c = v128.load(at, 32),
      d = v128.load(at, 48);
    high |= i8x16.bitmask(v128.or(v128.or(a, b), v128.or(c, d)));
    const lines = bytesEqual(a, b, c, d, newline) & mask;
    let all = (bytesEqual(a, b, c, d, separator) & mask) | lines;
    if (quoted) all |= bytesEqual(a, b, c, d, quote) & mask;
    end = writePositions(all, at, end);
    store<u32>(lineEnd, <u32>at + <u32>ctz(lines));
    if (popcnt(lines) > 1) lineEnd = writePositions(lines, at, lineEnd);
    else lineEnd += (<usize>popcnt(lines)) << 2;
    mask = ~(<u64>0);
    at += 64;
  }
  nextEnd = end;
  nextLineEnd = lineEnd;
  block = at;
  blockMask = mask;
  highBits = high;
  highAhead |= high;
}

/** Continues after the next `bytes` of delimiters, the last of which is a newline. */
@inline
export function passAhead(bytes: usize): void {
  next += bytes;
  nextLine += 4;
}
