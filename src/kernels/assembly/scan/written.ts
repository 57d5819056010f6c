// Text of binary values: the same bytes as in JSON, so that a value has the same key in every format.
import { plan, scratchEnd, setScratchEnd } from "./plan";

/** The host's String() of a number, written to `to`. @returns its size */
@external("env", "text")
declare function hostText(x: f64, to: usize): usize;

/** The two's complement of `size` bytes at `at`, divided by 10^places, written to `to`. @returns its size */
@external("env", "decimal")
declare function hostDecimal(at: usize, size: usize, places: u32, to: usize): usize;

/** Maximum size of a number's text. */
const NUMBER_BYTES: usize = 32;
/** Digits behind the point that fit into it. */
export const SHORT_PLACES: u32 = 18;
/** Bytes of the longest decimal: up to 77 digits, in front of the point or behind it. */
export const MOST_DECIMAL: u32 = 32;
/** Maximum size of its text. */
const LONG_BYTES: usize = 96;
/** Limit of decimal digits converted without the host: fifteen are always distinguishable. */
const EXACT: f64 = 1e15;
const SAFE: f64 = 9007199254740992;
/** Numbers below this are written with an exponent. */
const SMALLEST: f64 = 1e-6;
const MOST_PLACES: u32 = 12;

/** Texts of booleans. */
export const TRUE: usize = memory.data<u8>([116, 114, 117, 101, 0, 0, 0, 0]);
export const FALSE: usize = memory.data<u8>([102, 97, 108, 115, 101, 0, 0, 0]);

/** u16[100]: "00" to "99". */
const pairs: usize = memory.data(200, 16);

export function fillPairs(): void {
  for (let i: u32 = 0; i < 100; i++) store<u16>(pairs + (i << 1), <u16>(0x3030 + ((i % 10) << 8) + i / 10));
}

/** A row's text does not fit into its region. */
export let overflowed: bool = false;

/** Records that something of a row does not fit. @returns false */
export function overflow(): bool {
  overflowed = true;
  return false;
}

export function beginText(): void {
  overflowed = false;
  setScratchEnd(plan.scratch);
}

/** Whether there is room for `size` bytes and the margin that vectors may touch. */
@inline
function hasRoom(bytes: usize): bool {
  if (scratchEnd + bytes + 64 <= plan.scratchLimit) return true;
  overflowed = true;
  return false;
}

/** Writes the decimal digits of a number, ending before `end`. @returns their start */
function digitsBefore(value: u64, end: usize): usize {
  let p = end;
  let rest = value;
  while (rest >> 32) {
    const next = rest / 100;
    p -= 2;
    store<u16>(p, load<u16>(pairs + ((<usize>(rest - next * 100)) << 1)));
    rest = next;
  }
  let low = <u32>rest;
  while (low >= 100) {
    const next = low / 100;
    p -= 2;
    store<u16>(p, load<u16>(pairs + ((<usize>(low - next * 100)) << 1)));
    low = next;
  }
  if (low >= 10) {
    p -= 2;
    store<u16>(p, load<u16>(pairs + ((<usize>low) << 1)));
  } else store<u8>(--p, <u8>(48 + low));
  return p;
}

/** Start of the text last written; it ends at `scratchEnd`. */
export let textAt: usize = 0;

/** Writes `digits` with a point before the last `places`, in plain notation; the room was checked. */
function decimalText(negative: bool, digits: u64, places: u32): void {
  const end = scratchEnd + NUMBER_BYTES + 16;
  let p = digitsBefore(digits, end);
  while (end - p <= places) store<u8>(--p, 48);
  if (places) {
    const size = end - places - p;
    memory.copy(p - 1, p, size);
    store<u8>(--p + size, 46);
  }
  if (negative) store<u8>(--p, 45);
  textAt = p;
  setScratchEnd(end);
}

/** Writes an integer's text. @returns false if there is no room for it */
export function integerText(value: i64): bool {
  if (!hasRoom(NUMBER_BYTES + 16)) return false;
  decimalText(value < 0, value < 0 ? 0 - <u64>value : <u64>value, 0);
  return true;
}

/** The same for an unsigned integer. */
export function wholeText(value: u64): bool {
  if (!hasRoom(NUMBER_BYTES + 16)) return false;
  decimalText(false, value, 0);
  return true;
}

/** Writes value ÷ 10^places, without trailing zeros. */
export function fixedPointText(value: i64, places: u32): bool {
  if (!hasRoom(NUMBER_BYTES + 16)) return false;
  let digits = value < 0 ? 0 - <u64>value : <u64>value;
  let behind = places;
  while (behind && digits % 10 == 0) {
    digits /= 10;
    behind--;
  }
  decimalText(value < 0, digits, behind);
  return true;
}

/** Writes the two's complement of up to MOST_DECIMAL bytes, divided by 10^places, without trailing zeros. */
export function longDecimalText(at: usize, size: usize, places: u32): bool {
  if (!hasRoom(LONG_BYTES)) return false;
  textAt = scratchEnd;
  setScratchEnd(scratchEnd + hostDecimal(at, size, places, scratchEnd));
  return true;
}

/** Writes a number as ECMAScript does: the shortest text that parses to the same number. -0 is written as 0. */
export function numberText(x: f64): bool {
  if (!hasRoom(NUMBER_BYTES + 16)) return false;
  const size = abs(x);
  if (size < SAFE && size == floor(size)) {
    decimalText(x < 0, <u64>size, 0);
    return true;
  }
  if (size >= SMALLEST && size < EXACT) {
    let power: f64 = 1;
    for (let places: u32 = 1; places <= MOST_PLACES; places++) {
      power *= 10;
      const digits = nearest(size * power);
      if (digits >= EXACT) break;
      if (digits / power != size) continue;
      decimalText(x < 0, <u64>digits, places);
      return true;
    }
  }
  textAt = scratchEnd;
  setScratchEnd(scratchEnd + hostText(x, scratchEnd));
  return true;
}

/** Appends bytes to the text at the end of the scratch. */
export function add(at: usize, size: usize): bool {
  if (!hasRoom(size)) return false;
  memory.copy(scratchEnd, at, size);
  setScratchEnd(scratchEnd + size);
  return true;
}

@inline
export function addByte(byte: u32): bool {
  if (!hasRoom(1)) return false;
  store<u8>(scratchEnd, <u8>byte);
  setScratchEnd(scratchEnd + 1);
  return true;
}

/** Moves the number's text just written to `from`. */
@inline
export function pack(from: usize): bool {
  const size = scratchEnd - textAt;
  memory.copy(from, textAt, size);
  setScratchEnd(from + size);
  return true;
}

/** Writes a number as JSON; null if it is not finite. */
export function addNumber(x: f64): bool {
  const from = scratchEnd;
  if (!isFinite(x)) return addNull();
  return numberText(x) && pack(from);
}

export function addInteger(x: i64): bool {
  const from = scratchEnd;
  return integerText(x) && pack(from);
}

export function addUnsigned(x: u64): bool {
  const from = scratchEnd;
  return wholeText(x) && pack(from);
}

export function addNull(): bool {
  if (!hasRoom(4)) return false;
  store<u32>(scratchEnd, 0x6c6c756e);
  setScratchEnd(scratchEnd + 4);
  return true;
}

export function addBoolean(x: bool): bool {
  if (!hasRoom(8)) return false;
  store<u64>(scratchEnd, x ? 0x65757274 : 0x65736c6166);
  setScratchEnd(scratchEnd + (x ? 4 : 5));
  return true;
}

@inline
function hex(digit: u32): u8 {
  return <u8>(digit < 10 ? 48 + digit : 87 + digit);
}

/** Writes a text in quotes, with the escapes that JSON needs. */
export function addString(at: usize, size: usize): bool {
  if (!hasRoom(6 * size + 2)) return false;
  let out = scratchEnd;
  store<u8>(out++, 34);
  const end = at + size;
  for (let p = at; p < end; p++) {
    const c: u32 = load<u8>(p);
    if (c == 34 || c == 92) {
      store<u8>(out++, 92);
      store<u8>(out++, <u8>c);
    } else if (c >= 32) store<u8>(out++, <u8>c);
    else {
      store<u32>(out, 0x3030755c);
      store<u8>(out, hex(c >> 4), 4);
      store<u8>(out, hex(c & 15), 5);
      out += 6;
    }
  }
  store<u8>(out++, 34);
  setScratchEnd(out);
  return true;
}
