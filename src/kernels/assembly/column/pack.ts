// Columns → sections, with the smallest codec that can represent a column and be decoded in one step.
import {
  BYTES,
  CONSTANT,
  HEAD_BYTES,
  Head,
  NIBBLES,
  RAW,
  STEPS_16,
  STEPS_32,
  STEPS_8,
  WHOLE,
  WORDS,
  codeBytes,
  filled,
} from "./section";

const MOST_VALUES: u32 = 65536;
const NO_VALUE: u32 = 0xffffffff;

/** Parameters of an f64 column of equidistant values: minimum, step, and the maximum number of steps. */
let least: f64 = 0;
let step: f64 = 1;
let most: f64 = 0;

@inline
function element(at: usize, width: u32): u64 {
  return width == 8 ? load<u64>(at) : <u64>load<u32>(at);
}

/**
 * Packs `count` elements of `width` bytes, `stride` bytes apart, into a section at `to`. Elements of more than 8 bytes
 * are consecutive, and stored uncompressed.
 * @param kind 0 or WHOLE
 * @param scratch room for 4 · count + 4 · `slots` bytes
 * @param slots a power of two, twice `count` or 131,072
 * @returns bytes of the section. Up to 16 + 8 · count + 4 · count bytes may be written before its size is known.
 */
export function pack(
  from: usize,
  stride: u32,
  width: u32,
  count: u32,
  kind: u32,
  to: usize,
  scratch: usize,
  slots: u32,
): u32 {
  const values = to + HEAD_BYTES;
  const codes = scratch + ((<usize>slots) << 2);
  const isWide = width > 8;
  const found = isWide ? NO_VALUE : distinct(from, stride, width, count, values, scratch, slots, codes);
  let codec = codecOf(found);
  let bytes = found == NO_VALUE ? <usize>NO_VALUE : sizeOf(codec, width, count, found);
  if (bytes > sizeOf(RAW, width, count, 0)) {
    codec = RAW;
    bytes = sizeOf(RAW, width, count, 0);
  }
  if (kind == WHOLE && codec != CONSTANT && count > 0 && findSteps(from, stride, width, count)) {
    const steps = most < 256 ? STEPS_8 : most < 65536 ? STEPS_16 : STEPS_32;
    const size = sizeOf(steps, width, count, 2);
    if (size <= bytes) {
      codec = steps;
      bytes = size;
    }
  }
  const head = changetype<Head>(to);
  head.codec = <u8>codec;
  head.width = isWide ? 0 : <u8>width;
  head.kind = <u8>kind;
  head.pad = 0;
  head.count = count;
  head.values = codec == RAW ? 0 : codec >= STEPS_8 ? 2 : found;
  head.size = <u32>bytes;
  const valueBytes = filled(<usize>head.values * width);
  if (codec == RAW) copyRaw(from, stride, width, count, values);
  else if (codec >= STEPS_8) writeSteps(from, stride, width, count, values, codec);
  else writeCodes(codes, count, values + valueBytes, codec);
  blank(values, <usize>head.values * width, valueBytes);
  blank(values + valueBytes, codeBytes(codec, width, count), bytes - valueBytes);
  return <u32>(HEAD_BYTES + bytes);
}

/** Zeroes the padding, so that the same events give the same bytes. */
function blank(at: usize, used: usize, size: usize): void {
  memory.fill(at + used, 0, size - used);
}

function codecOf(values: u32): u32 {
  return values <= 1 ? CONSTANT : values <= 16 ? NIBBLES : values <= 256 ? BYTES : WORDS;
}

function sizeOf(codec: u32, width: u32, count: u32, values: u32): usize {
  return filled(<usize>values * width) + filled(codeBytes(codec, width, count));
}

/**
 * Lists the distinct elements at `values`, and a u32 code for each element at `codes`. Returns the number of distinct
 * elements, or NO_VALUE if there are too many.
 */
function distinct(
  from: usize,
  stride: u32,
  width: u32,
  count: u32,
  values: usize,
  table: usize,
  slots: u32,
  codes: usize,
): u32 {
  memory.fill(table, 0, (<usize>slots) << 2);
  const mask = slots - 1;
  const limit = min<u32>(MOST_VALUES, width == 8 ? count - (count >> 2) : count >> 1);
  let found: u32 = 0;
  let last: u64 = 0;
  let lastCode: u32 = 0;
  for (let i: u32 = 0, at = from; i < count; i++, at += stride) {
    const value = element(at, width);
    if (i > 0 && value == last) {
      store<u32>(codes + ((<usize>i) << 2), lastCode);
      continue;
    }
    let slot = <u32>((value * 0x9e3779b185ebca87) >> 40) & mask;
    let code = load<u32>(table + ((<usize>slot) << 2));
    while (code && element(values + <usize>(code - 1) * width, width) != value) {
      slot = (slot + 1) & mask;
      code = load<u32>(table + ((<usize>slot) << 2));
    }
    if (!code) {
      if (found > 16 && found >= limit) return NO_VALUE;
      if (width == 8) store<u64>(values + ((<usize>found) << 3), value);
      else store<u32>(values + ((<usize>found) << 2), <u32>value);
      code = ++found;
      store<u32>(table + ((<usize>slot) << 2), code);
    }
    store<u32>(codes + ((<usize>i) << 2), code - 1);
    last = value;
    lastCode = code - 1;
  }
  return found;
}

function writeCodes(codes: usize, count: u32, to: usize, codec: u32): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    const code = load<u32>(codes + (i << 2));
    if (codec == WORDS) store<u16>(to + (i << 1), <u16>code);
    else if (codec == BYTES) store<u8>(to + i, <u8>code);
    else if (codec == NIBBLES) {
      const at = to + (i >> 1);
      store<u8>(at, <u8>(i & 1 ? <u32>load<u8>(at) | (code << 4) : code));
    }
  }
}

function copyRaw(from: usize, stride: u32, width: u32, count: u32, to: usize): void {
  if (stride == width) return memory.copy(to, from, <usize>count * width);
  for (let i: u32 = 0, at = from; i < count; i++, at += stride, to += width) {
    if (width == 8) store<u64>(to, load<u64>(at));
    else store<u32>(to, load<u32>(at));
  }
}

@inline
function number(at: usize, width: u32): f64 {
  return width == 8 ? load<f64>(at) : <f64>load<u32>(at);
}

/** Whether all elements are the minimum plus an integral, sufficiently small number of steps. */
function findSteps(from: usize, stride: u32, width: u32, count: u32): bool {
  let low: f64 = Infinity,
    high: f64 = -Infinity;
  let thousands = width == 8;
  for (let i: u32 = 0, at = from; i < count; i++, at += stride) {
    const x = number(at, width);
    if (!(abs(x) <= 9007199254740991) || x != floor(x) || (x == 0 && width == 8 && load<u64>(at) != 0)) return false;
    low = min(low, x);
    high = max(high, x);
    if (thousands && x != 1000 * floor(x / 1000)) thousands = false;
  }
  least = low;
  step = thousands ? 1000 : 1;
  most = (high - low) / step;
  return most < 4294967296;
}

function writeSteps(from: usize, stride: u32, width: u32, count: u32, values: usize, codec: u32): void {
  if (width == 8) {
    store<f64>(values, least);
    store<f64>(values, step, 8);
  } else {
    store<u32>(values, <u32>least);
    store<u32>(values, <u32>step, 4);
  }
  const to = values + filled((<usize>width) << 1);
  for (let i: usize = 0, at = from; i < <usize>count; i++, at += stride) {
    const code = <u32>((number(at, width) - least) / step);
    if (codec == STEPS_8) store<u8>(to + i, <u8>code);
    else if (codec == STEPS_16) store<u16>(to + (i << 1), <u16>code);
    else store<u32>(to + (i << 2), code);
  }
}
