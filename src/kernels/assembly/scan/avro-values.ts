// Primitives of Avro's binary encoding. Every function takes the address at which a value begins and returns the
// address after it, 0 if the bytes do not match the schema; the value read is in the variables below.
import { BYTES, NAME_BYTES, Name, Type } from "./types";
import { fixedPointText, longDecimalText, MOST_DECIMAL, SHORT_PLACES } from "./written";

/** The end of the bytes. */
let end: usize = 0;
/** The integer last read. */
export let integer: i64 = 0;
export let float: f64 = 0;
/** The text last read: address and size. */
export let text: usize = 0;
export let textSize: u32 = 0;

/** Starts reading bytes that end at `stop`. */
export function beginValues(stop: usize): void {
  end = stop;
}

@inline
export function varint(p: usize): usize {
  if (p >= end) return 0;
  const byte: u32 = load<u8>(p);
  if (byte < 0x80) {
    integer = <i64>(byte >> 1) ^ -(<i64>(byte & 1));
    return p + 1;
  }
  return longVarint(p);
}

function longVarint(at: usize): usize {
  let value: u64 = 0;
  let shift: u64 = 0;
  let p = at;
  while (p < end) {
    const byte: u64 = load<u8>(p++);
    if (shift == 63 && byte > 1) return 0;
    value |= (byte & 0x7f) << shift;
    shift += 7;
    if (byte < 0x80) {
      integer = <i64>(value >> 1) ^ -(<i64>(value & 1));
      return p;
    }
  }
  return 0;
}

/** Skips `size` bytes. */
@inline
export function over(p: usize, size: i64): usize {
  return <u64>size <= <u64>(end - p) ? p + <usize>size : 0;
}

/** Reads a size, and as many bytes. */
@inline
export function sized(at: usize): usize {
  const p = varint(at);
  if (!p) return 0;
  text = p;
  textSize = <u32>integer;
  return over(p, integer);
}

@inline
export function floating(p: usize, single: bool): usize {
  const next = over(p, single ? 4 : 8);
  if (next) float = single ? <f64>load<f32>(p) : load<f64>(p);
  return next;
}

@inline
export function boolean(p: usize): usize {
  if (p >= end) return 0;
  const byte: u32 = load<u8>(p);
  integer = byte;
  return byte > 1 ? 0 : p + 1;
}

/** Reads a union's branch or an enum's symbol. */
@inline
export function choice(at: usize, count: u32): usize {
  const p = varint(at);
  return p && <u64>integer < <u64>count ? p : 0;
}

/** Reads a block's header: the number of items is left in `integer`, a block size is skipped. */
export function block(at: usize): usize {
  let p = varint(at);
  if (!p || integer >= 0) return p;
  const count = 0 - integer;
  p = varint(p);
  integer = count;
  return count > 0 ? p : 0;
}

@inline
export function branchOf(type: Type): Type {
  return load<Type>(type.list + ((<usize>integer) << 2));
}

@inline
export function bytes(at: usize, type: Type): usize {
  if (type.kind == BYTES) return sized(at);
  text = at;
  textSize = type.count;
  return over(at, type.count);
}

@inline
export function symbol(type: Type): void {
  const name = changetype<Name>(type.list + <usize>integer * NAME_BYTES);
  text = name.at;
  textSize = name.size;
}

/** The integer last read, in milliseconds. */
@inline
export function timeOf(type: Type): f64 {
  return (<f64>integer * <f64>type.times) / <f64>type.parts;
}

/**
 * Writes the number represented by the bytes last read.
 * @returns false if it has more than 8 * MOST_DECIMAL bits, or there is no room for it
 */
export function decimal(type: Type): bool {
  const places = type.decimal - 1;
  if (places <= SHORT_PLACES && isShort()) return fixedPointText(short, places);
  return textSize <= MOST_DECIMAL && longDecimalText(text, textSize, places);
}

/** The number last found by `isShort`. */
let short: i64 = 0;

/** Whether the number represented by the bytes last read has 64 bits at most. */
function isShort(): bool {
  // Sign extension: all ones if the first bit is set.
  const sign = textSize ? <u64>(<i64>load<i8>(text) >> 63) : 0;
  let value = sign;
  for (let i: u32 = 0; i < textSize; i++) {
    if (i + 8 < textSize && load<u8>(text + i) != <u8>sign) return false;
    value = (value << 8) | load<u8>(text + i);
  }
  if (textSize > 8 && <i64>(value ^ sign) < 0) return false;
  short = <i64>value;
  return true;
}
