// Sections → columns of a batch. Elements are written to their positions in the batch's rows, a few rows at a time, so
// that the rows being written stay in the L1 cache, column after column.
import { BYTES, CONSTANT, NIBBLES, RAW, STEPS_16, STEPS_32, STEPS_8, WORDS } from "./section";

/** A column being read: the location of its section, and the destination of its elements. */
@unmanaged
class Column {
  codec: u32;
  /** Bytes per element. */
  width: u32;
  /** Addresses of values and codes. */
  values: usize;
  codes: usize;
  /** Destination of the first row's element, from the start of the batch, and bytes between two rows. */
  to: u32;
  stride: u32;
}
const COLUMN_BYTES: usize = offsetof<Column>();

/** Number of rows whose columns are written before the next rows. */
export const TILE: u32 = 64;

/**
 * Writes elements [from, from + count) of the columns [columns, end), an array of `Column`, to the rows from number
 * `row` on of the batch at `batch`.
 */
export function unpack(columns: usize, end: usize, from: u32, count: u32, batch: usize, row: u32): void {
  for (let done: u32 = 0; done < count; done += TILE) {
    const rows = min(TILE, count - done);
    for (let at = columns; at < end; at += COLUMN_BYTES) {
      const column = changetype<Column>(at);
      const to = batch + column.to + <usize>(row + done) * column.stride;
      if (column.width == 8) unpack8(column, from + done, rows, to);
      else if (column.width == 4) unpack4(column, from + done, rows, to);
      else memory.copy(to, column.codes + <usize>(from + done) * column.width, <usize>rows * column.width);
    }
  }
}

function unpack8(column: Column, from: u32, count: u32, to: usize): void {
  const codec = column.codec,
    values = column.values,
    stride = <usize>column.stride;
  const end = to + <usize>count * stride;
  if (codec == WORDS) {
    let p = column.codes + ((<usize>from) << 1);
    const four = end - <usize>(count & 3) * stride;
    for (; to < four; p += 8, to += stride << 2) {
      store<u64>(to, load<u64>(values + ((<usize>load<u16>(p)) << 3)));
      store<u64>(to + stride, load<u64>(values + ((<usize>load<u16>(p, 2)) << 3)));
      store<u64>(to + (stride << 1), load<u64>(values + ((<usize>load<u16>(p, 4)) << 3)));
      store<u64>(to + stride * 3, load<u64>(values + ((<usize>load<u16>(p, 6)) << 3)));
    }
    for (; to < end; p += 2, to += stride) store<u64>(to, load<u64>(values + ((<usize>load<u16>(p)) << 3)));
  } else if (codec == BYTES) {
    let p = column.codes + from;
    const four = end - <usize>(count & 3) * stride;
    for (; to < four; p += 4, to += stride << 2) {
      store<u64>(to, load<u64>(values + ((<usize>load<u8>(p)) << 3)));
      store<u64>(to + stride, load<u64>(values + ((<usize>load<u8>(p, 1)) << 3)));
      store<u64>(to + (stride << 1), load<u64>(values + ((<usize>load<u8>(p, 2)) << 3)));
      store<u64>(to + stride * 3, load<u64>(values + ((<usize>load<u8>(p, 3)) << 3)));
    }
    for (; to < end; p++, to += stride) store<u64>(to, load<u64>(values + ((<usize>load<u8>(p)) << 3)));
  } else if (codec == NIBBLES) {
    let i = from;
    if (i & 1 && to < end) {
      store<u64>(to, load<u64>(values + nibble(column.codes, i++, 3)));
      to += stride;
    }
    let p = column.codes + (i >> 1);
    for (; to + stride < end; p++, to += stride << 1) {
      const two = <usize>load<u8>(p);
      store<u64>(to, load<u64>(values + ((two & 15) << 3)));
      store<u64>(to + stride, load<u64>(values + ((two >> 4) << 3)));
    }
    if (to < end) store<u64>(to, load<u64>(values + ((<usize>load<u8>(p) & 15) << 3)));
  } else if (codec == CONSTANT) {
    const value = load<u64>(values);
    for (; to < end; to += stride) store<u64>(to, value);
  } else if (codec == RAW) {
    const at = column.codes + ((<usize>from) << 3);
    if (stride == 8) return memory.copy(to, at, (<usize>count) << 3);
    for (let p = at; to < end; p += 8, to += stride) store<u64>(to, load<u64>(p));
  } else {
    const least = load<f64>(values),
      step = load<f64>(values, 8);
    for (let i = from; to < end; i++, to += stride) store<f64>(to, least + step * <f64>steps(column.codes, codec, i));
  }
}

function unpack4(column: Column, from: u32, count: u32, to: usize): void {
  const codec = column.codec,
    values = column.values,
    stride = <usize>column.stride;
  const end = to + <usize>count * stride;
  if (codec == WORDS) {
    for (let p = column.codes + ((<usize>from) << 1); to < end; p += 2, to += stride)
      store<u32>(to, load<u32>(values + ((<usize>load<u16>(p)) << 2)));
  } else if (codec == BYTES) {
    for (let p = column.codes + from; to < end; p++, to += stride)
      store<u32>(to, load<u32>(values + ((<usize>load<u8>(p)) << 2)));
  } else if (codec == NIBBLES) {
    for (let i = from; to < end; i++, to += stride) store<u32>(to, load<u32>(values + nibble(column.codes, i, 2)));
  } else if (codec == CONSTANT) {
    const value = load<u32>(values);
    for (; to < end; to += stride) store<u32>(to, value);
  } else if (codec == RAW) {
    const at = column.codes + ((<usize>from) << 2);
    if (stride == 4) return memory.copy(to, at, (<usize>count) << 2);
    for (let p = at; to < end; p += 4, to += stride) store<u32>(to, load<u32>(p));
  } else {
    const least = load<u32>(values),
      step = load<u32>(values, 4);
    for (let i = from; to < end; i++, to += stride) store<u32>(to, least + step * steps(column.codes, codec, i));
  }
}

/** Byte offset of the value of element i, whose code has 4 bits. @param shift log2 of a value's bytes */
@inline
function nibble(codes: usize, i: u32, shift: usize): usize {
  return ((<usize>load<u8>(codes + (i >> 1)) >> ((<usize>i & 1) << 2)) & 15) << shift;
}

@inline
function steps(codes: usize, codec: u32, i: u32): u32 {
  if (codec == STEPS_8) return load<u8>(codes + i);
  if (codec == STEPS_16) return load<u16>(codes + ((<usize>i) << 1));
  return load<u32>(codes + ((<usize>i) << 2));
}

/** Element i of a column of u32. */
function numberAt(column: Column, i: u32): u32 {
  const codec = column.codec,
    values = column.values,
    codes = column.codes;
  if (codec == CONSTANT) return load<u32>(values);
  if (codec == RAW) return load<u32>(codes + ((<usize>i) << 2));
  if (codec == WORDS) return load<u32>(values + ((<usize>load<u16>(codes + ((<usize>i) << 1))) << 2));
  if (codec == BYTES) return load<u32>(values + ((<usize>load<u8>(codes + i)) << 2));
  if (codec == NIBBLES) return load<u32>(values + nibble(codes, i, 2));
  return load<u32>(values) + load<u32>(values, 4) * steps(codes, codec, i);
}

/** The sum of elements [from, from + count) of a u32 column. */
export function sum(at: usize, from: u32, count: u32): f64 {
  const column = changetype<Column>(at);
  if (column.codec == CONSTANT) return <f64>load<u32>(column.values) * <f64>count;
  let total: f64 = 0;
  for (let i = from; i < from + count; i++) total += <f64>numberAt(column, i);
  return total;
}

/**
 * Writes the end offsets of lists whose lengths are elements [from, from + count) of a u32 column: u32 at `to`, counted
 * from `start` items.
 */
export function spread(at: usize, from: u32, count: u32, to: usize, start: u32): u32 {
  const column = changetype<Column>(at);
  for (let i = from; i < from + count; i++, to += 4) {
    start += numberAt(column, i);
    store<u32>(to, start);
  }
  return start;
}
