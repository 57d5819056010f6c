// Addresses of a table's rows: row = [key u64, exact tables only][eviction data][state], consecutive.

export const NONE: u32 = 0xffffffff;

/** Bytes between two rows, and from a row's start to its state (key and eviction data). */
export let stride: usize = 0;
let head: usize = 0;
export let rowsBase: usize = 0;

export function setRowBytes(stride_: usize, head_: usize): void {
  stride = stride_;
  head = head_;
}

/** Sets the address of the first row. */
export function placeRows(base: usize): void {
  rowsBase = base;
}

/** Address of a row's start: key, eviction data, state. */
@inline
export function rowAt(row: u32): usize {
  return rowsBase + <usize>row * stride;
}

/** The key of an exact table's row. */
@inline
export function keyAt(row: u32): u64 {
  return load<u64>(rowAt(row));
}

/** Address of a row's optimizer state. Any `reserve` may move rows. */
@inline
export function rowPtr(row: u32): usize {
  return rowAt(row) + head;
}

/** Prefetches all cache lines of a row. */
@inline
export function touchRow(row: u32): u32 {
  const from = rowAt(row);
  let sum: u32 = 0;
  for (let at = from; at < from + stride; at += 64) sum += load<u8>(at);
  return sum;
}

/** Copies the bytes (key and state) of the rows listed as u32 numbers at `list` to `out`, consecutively. */
export function packRows(list: usize, count: u32, out: usize): void {
  for (const end = list + ((<usize>count) << 2); list < end; list += 4, out += stride) {
    memory.copy(out, rowAt(load<u32>(list)), stride);
  }
}

export function rowsAddress(): usize {
  return rowsBase;
}
