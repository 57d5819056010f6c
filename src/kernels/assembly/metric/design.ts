// Selects the cells to count in: those of a list, the cell of all numbers, and between them the smallest cells around
// two neighbours, unless such a cell is completely covered by the cells inside it. Examples whose score lies between
// two cells of the list then have a cell, too.
import { Cell, CELL_BYTES } from "./records";

/**
 * Cells that are open while the list is traversed backwards, the smallest last: u64 first, u64 bits, f64 numbers
 * covered by inner cells.
 */
const open = memory.data(34 * 24, 16);
let top: usize = 0;
let to: usize = 0;

@inline
function emit(first: u64, bits: u64): void {
  to -= 8;
  store<f64>(to, <f64>((first << 6) | (32 - bits)));
}

@inline
function isTop(first: u64, bits: u64): bool {
  return top > open && load<u64>(top - 24) == first && load<u64>(top - 24, 8) == bits;
}

/**
 * Moves from a cell that covers `numbers` to the smallest cell (of `bits` bits) around it and the previous one: closes
 * the open cells that are smaller, and opens it.
 */
function pass(numbers: f64, start: u64, bits: u64): void {
  while (top > open && load<u64>(top - 24, 8) < bits) {
    top -= 24;
    const own = load<u64>(top, 8);
    const whole = <f64>((<u64>1) << own);
    if (load<f64>(top, 16) + numbers < whole) emit(load<u64>(top), own);
    numbers = whole;
  }
  if (!isTop(start, bits)) {
    store<u64>(top, start);
    store<u64>(top, bits, 8);
    store<f64>(top, 0, 16);
    top += 24;
  }
  store<f64>(top - 24, load<f64>(top - 24, 16) + numbers, 16);
}

/**
 * Writes the ids of a list's `count` cells (ascending, f64[3] each) and of the cells around them, ascending. Returns
 * their number.
 */
export function design(list: usize, count: u32, ids: usize): u32 {
  const last = ids + ((<usize>count) << 4) + 16;
  to = last;
  top = open;
  for (let cell = list + <usize>count * CELL_BYTES; cell > list; ) {
    cell -= CELL_BYTES;
    const id = <u64>changetype<Cell>(cell).id;
    const first = id >> 6;
    const bits = 32 - (id & 63);
    if (isTop(first, bits)) top -= 24;
    emit(first, bits);
    const before = cell > list ? <u64>changetype<Cell>(cell - CELL_BYTES).id : 0;
    const around = cell > list ? max(64 - clz<u64>((before >> 6) ^ first), 32 - (before & 63)) : 33;
    pass(<f64>((<u64>1) << bits), (first >> around) << around, around);
  }
  if (to == last || load<f64>(to) != 0) emit(0, 32);
  const written = last - to;
  memory.copy(ids, to, written);
  return <u32>(written >> 3);
}
