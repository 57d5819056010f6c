// Primitives of Protobuf's wire format. Every function takes the address at which a value begins and the end of the
// bytes, and returns the address after the value, 0 if there is no valid one; the value read is in the variables below.
import {
  GROUP,
  GROUP_END,
  I32,
  I64,
  LEN,
  PB_BOOL,
  PB_DOUBLE,
  PB_ENUM,
  PB_FIXED32,
  PB_FIXED64,
  PB_FLOAT,
  PB_INT32,
  PB_INT64,
  PB_SFIXED32,
  PB_SFIXED64,
  PB_SINT32,
  PB_SINT64,
  PB_STRING,
  PB_UINT32,
  PB_UINT64,
  ProtoType,
  EnumSymbol,
  SYMBOL_BYTES,
  VARINT,
} from "./proto-plan";
import { overflow } from "./written";

/** Maximum nesting of messages. */
export const MAX_MESSAGES: u32 = 100;
/** Room for the bytes of messages that arrived in parts; equals the maximum size of an event. */
const SPARE_BYTES: u32 = 4 << 20;

/** The tag last read. */
export let number: u32 = 0;
export let wire: u32 = 0;
/** The scalar last read. */
export let whole: u64 = 0;
export let float: f64 = 0;
/** The text or message last read: address and size. */
export let text: usize = 0;
export let textSize: u32 = 0;

@inline
export function varint(p: usize, stop: usize): usize {
  if (p >= stop) return 0;
  const byte: u64 = load<u8>(p);
  if (byte < 0x80) {
    whole = byte;
    return p + 1;
  }
  return longVarint(p, stop);
}

/** Reads up to ten bytes; bits above the 64th are dropped. */
function longVarint(at: usize, stop: usize): usize {
  let value: u64 = 0;
  let p = at;
  for (let shift: u64 = 0; shift < 70 && p < stop; shift += 7) {
    const byte: u64 = load<u8>(p++);
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      whole = value;
      return p;
    }
  }
  return 0;
}

@inline
export function tag(at: usize, stop: usize): usize {
  const p = varint(at, stop);
  if (!p || whole > 0xffffffff) return 0;
  number = <u32>whole >> 3;
  wire = <u32>whole & 7;
  return number ? p : 0;
}

@inline
function over(p: usize, size: u64, stop: usize): usize {
  return size <= <u64>(stop - p) ? p + <usize>size : 0;
}

/** Reads a size, and as many bytes. */
@inline
export function sized(at: usize, stop: usize): usize {
  const p = varint(at, stop);
  if (!p) return 0;
  text = p;
  textSize = <u32>whole;
  return over(p, whole, stop);
}

/** Skips the value of the tag last read. @param depth of enclosing groups */
export function skipValue(p: usize, stop: usize, depth: u32): usize {
  if (wire == VARINT) return varint(p, stop);
  if (wire == LEN) return sized(p, stop);
  if (wire == I64) return over(p, 8, stop);
  if (wire == I32) return over(p, 4, stop);
  return wire == GROUP ? group(p, stop, depth) : 0;
}

/** Reads a group of the number last read: its bytes are left as a text. */
function group(at: usize, stop: usize, depth: u32): usize {
  if (depth >= MAX_MESSAGES) return 0;
  const opened = number;
  let p = at;
  while (p < stop) {
    const next = tag(p, stop);
    if (!next) return 0;
    if (wire == GROUP_END) {
      text = at;
      textSize = <u32>(p - at);
      return number == opened ? next : 0;
    }
    p = skipValue(next, stop, depth + 1);
    if (!p) return 0;
  }
  return 0;
}

/** Sets the current tag, whose value is read next. */
@inline
export function setTag(is: u32, how: u32): void {
  number = is;
  wire = how;
}

/** Reads the bytes of a message, left as a text. */
@inline
export function payload(p: usize, stop: usize): usize {
  return wire == GROUP ? group(p, stop, 0) : sized(p, stop);
}

@inline
function zigzag(x: u64): u64 {
  return (x >> 1) ^ (0 - (x & 1));
}

/** Reads a scalar of a kind to `text`, `float` or `whole` (sign-extended to 64 bits). */
export function scalar(kind: u32, p: usize, stop: usize): usize {
  if (kind == PB_STRING) return sized(p, stop);
  if (kind >= PB_FIXED32 && kind <= PB_DOUBLE) return fixed(kind, p, stop);
  const next = varint(p, stop);
  switch (kind) {
    case PB_INT32:
    case PB_ENUM:
      whole = <u64>(<i64>(<i32>whole));
      break;
    case PB_INT64:
    case PB_UINT64:
      break;
    case PB_UINT32:
      whole = <u64>(<u32>whole);
      break;
    case PB_SINT32:
      whole = <u64>(<i64>(<i32>zigzag(<u64>(<u32>whole))));
      break;
    case PB_SINT64:
      whole = zigzag(whole);
      break;
    case PB_BOOL:
      whole = <u64>(whole != 0);
      break;
  }
  return next;
}

function fixed(kind: u32, p: usize, stop: usize): usize {
  const wide = kind == PB_FIXED64 || kind == PB_SFIXED64 || kind == PB_DOUBLE;
  const next = over(p, wide ? 8 : 4, stop);
  if (!next) return 0;
  if (kind == PB_FLOAT) float = <f64>load<f32>(p);
  else if (kind == PB_DOUBLE) float = load<f64>(p);
  else if (kind == PB_SFIXED32) whole = <u64>(<i64>load<i32>(p));
  else whole = wide ? load<u64>(p) : <u64>load<u32>(p);
  return next;
}

/** Sets the text to the symbol of the number last read. @returns false if there is none */
export function symbol(type: ProtoType): bool {
  const wanted = <i32>whole;
  let low: u32 = 0;
  let high = type.count;
  while (low < high) {
    const middle = (low + high) >> 1;
    const found = changetype<EnumSymbol>(type.list + <usize>middle * SYMBOL_BYTES);
    if (found.number == wanted) {
      text = found.at;
      textSize = found.size;
      return true;
    }
    if (found.number < wanted) low = middle + 1;
    else high = middle;
  }
  return false;
}

/** Reads the Timestamp [at, stop) to `float`, in milliseconds. */
export function timestamp(at: usize, stop: usize): bool {
  let seconds: i64 = 0;
  let nanos: i32 = 0;
  let p = at;
  while (p < stop) {
    p = tag(p, stop);
    if (!p) return false;
    const is = wire == VARINT ? number : 0;
    p = skipValue(p, stop, 0);
    if (!p) return false;
    if (is == 1) seconds = <i64>whole;
    else if (is == 2) nanos = <i32>whole;
  }
  float = <f64>seconds * 1e3 + <f64>nanos / 1e6;
  return true;
}

/** Reads field 1, of a kind and a wire type, of the message [at, stop), like `scalar`; 0 or empty if absent. */
export function wrapped(kind: u32, wanted: u32, at: usize, stop: usize): bool {
  let found: usize = 0;
  let p = at;
  while (p < stop) {
    p = tag(p, stop);
    if (!p) return false;
    if (number == 1 && wire == wanted) found = p;
    p = skipValue(p, stop, 0);
    if (!p) return false;
  }
  if (found) return scalar(kind, found, stop) != 0;
  whole = 0;
  float = 0;
  text = at;
  textSize = 0;
  return true;
}

let spare: usize = 0;
let spareEnd: usize = 0;

/** Sets the region of SPARE_BYTES plus a margin for vector loads. */
export function setSpare(at: usize): void {
  spare = at;
}

/** Starts an event. */
export function beginSpare(): void {
  spareEnd = spare;
}

/** The end of the gathered bytes, to be restored later. */
@inline
export function gathered(): usize {
  return spareEnd;
}

export function forgetGathered(to: usize): void {
  spareEnd = to;
}

/**
 * Concatenates the parts of a message, which merges them: all fields with a given number in [from, stop). The result is
 * left as a text.
 */
export function gather(wanted: u32, wantedWire: u32, from: usize, stop: usize): bool {
  const start = spareEnd;
  let p = from;
  while (p < stop) {
    p = tag(p, stop);
    if (!p) return false;
    const mine = number == wanted && wire == wantedWire;
    p = mine ? payload(p, stop) : skipValue(p, stop, 0);
    if (!p) return false;
    if (!mine) continue;
    if (spareEnd + textSize > spare + SPARE_BYTES) return overflow();
    memory.copy(spareEnd, text, textSize);
    spareEnd += textSize;
  }
  text = start;
  textSize = <u32>(spareEnd - start);
  return true;
}
