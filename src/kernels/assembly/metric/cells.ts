// How scores are distributed: a list of cells, f64[3] each: id, weight of negatives, weight of positives.
// A cell is an aligned interval of 2^b of the f32 numbers in order (b = 0: one number; 32: all). Two cells are nested or apart. The id is
// first * 64 + (32 - b), so a list in the order of ids has every cell before those inside it.
// This is the q-digest of Shrivastava et al. (2004), kept for two classes, with shares of weight instead of counts.
import { begin, visit } from "./area";

const CELL: usize = 24;

// @ts-ignore: decorator
@inline
function firstOf(cell: usize): u64 {
  return <u64>load<f64>(cell) >> 6;
}

// @ts-ignore: decorator
@inline
function bitsOf(cell: usize): u32 {
  return 32 - <u32>(<u64>load<f64>(cell) & 63);
}

// @ts-ignore: decorator
@inline
function put(cell: usize, first: u64, bits: u32, negatives: f64, positives: f64): void {
  store<f64>(cell, <f64>((first << 6) | (32 - bits)));
  store<f64>(cell, negatives, 8);
  store<f64>(cell, positives, 16);
}

/** Makes cells of single numbers out of sorted rows (see totals.ts). Returns how many. */
export function toCells(rows: usize, count: u32, cells: usize): u32 {
  let last = cells - CELL;
  let order: i64 = -1;
  for (let end = rows + <usize>count * 12; rows < end; rows += 12) {
    const weights = v128.load64_zero(rows + 4);
    if (!v128.any_true(weights)) continue;
    if (<i64>load<u32>(rows) != order) {
      order = <i64>load<u32>(rows);
      put((last += CELL), <u64>order, 0, 0, 0);
    }
    v128.store(last, f64x2.add(v128.load(last, 8), f64x2.promote_low_f32x4(weights)), 8);
  }
  return <u32>((last + CELL - cells) / CELL);
}

/** Adds two lists into `out`, which has room for both. Returns its cells. */
export function merge(a: usize, countA: u32, b: usize, countB: u32, out: usize): u32 {
  const endA = a + <usize>countA * CELL;
  const endB = b + <usize>countB * CELL;
  let to = out;
  while (a < endA && b < endB) {
    const idA = load<f64>(a);
    const idB = load<f64>(b);
    store<f64>(to, min(idA, idB));
    store<f64>(to, (idA <= idB ? load<f64>(a, 8) : 0) + (idB <= idA ? load<f64>(b, 8) : 0), 8);
    store<f64>(to, (idA <= idB ? load<f64>(a, 16) : 0) + (idB <= idA ? load<f64>(b, 16) : 0), 16);
    if (idA <= idB) a += CELL;
    if (idB <= idA) b += CELL;
    to += CELL;
  }
  memory.copy(to, a, endA - a);
  to += endA - a;
  memory.copy(to, b, endB - b);
  return <u32>((to + (endB - b) - out) / CELL);
}

/** Coarsens a list in place until it has at most `capacity` cells, those with the least weight first. Returns its cells. */
export function shrink(cells: usize, count: u32, capacity: u32): u32 {
  for (let most: f64 = 1 / <f64>capacity; count > capacity; most *= 1.25) count = coarsen(cells, count, most);
  return count;
}

/**
 * Puts all that lies in a cell into it, for the largest cells that hold at most the share `most` of the weight, half of it that of
 * the negatives and half that of the positives: so a class has at most 2 * most in any of them, however rare it is.
 */
function coarsen(cells: usize, count: u32, most: f64): u32 {
  const end = cells + <usize>count * CELL;
  let negatives: f64 = 0;
  let positives: f64 = 0;
  for (let at = cells; at < end; at += CELL) {
    negatives += load<f64>(at, 8);
    positives += load<f64>(at, 16);
  }
  const perNegative = negatives > 0 ? 0.5 / negatives : 0;
  const perPositive = positives > 0 ? 0.5 / positives : 0;
  let last = cells - CELL;
  for (let at = cells; at < end; ) {
    const first = firstOf(at);
    const own = bitsOf(at);
    let bits = own;
    let negative = load<f64>(at, 8);
    let positive = load<f64>(at, 16);
    let next = at + CELL;
    // The cell as it stands, and the end, weights and size of the largest one that may take its place.
    let toNext = next;
    let toNegative = negative;
    let toPositive = positive;
    let toBits = own;
    for (;;) {
      while (next < end && (firstOf(next) ^ first) >> bits == 0) {
        negative += load<f64>(next, 8);
        positive += load<f64>(next, 16);
        next += CELL;
        if (negative * perNegative + positive * perPositive > most) break;
      }
      if (negative * perNegative + positive * perPositive > most) break;
      if (last >= cells && bits >= bitsOf(last) && (firstOf(last) ^ first) >> bits == 0) break;
      toNext = next;
      toNegative = negative;
      toPositive = positive;
      toBits = bits;
      if (next >= end) break;
      bits = 64 - <u32>clz<u64>(firstOf(next) ^ first);
    }
    last += CELL;
    put(last, (first >> toBits) << toBits, toBits, toNegative, toPositive);
    at = toNext;
  }
  return <u32>((last + CELL - cells) / CELL);
}

/** Measures a list (see area.ts). */
export function measure(cells: usize, count: u32): void {
  begin();
  for (let end = cells + <usize>count * CELL; cells < end; cells += CELL) {
    visit(firstOf(cells), bitsOf(cells), load<f64>(cells, 8), load<f64>(cells, 16));
  }
}
