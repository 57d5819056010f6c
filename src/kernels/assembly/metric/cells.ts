// The distribution of scores as a list of cells. A cell is an aligned interval of 2^b of the f32 numbers in order (b =
// 0: one number; 32: all). Two cells are nested or disjoint. The id is first * 64 + (32 - b), so in a list ordered by
// id every cell precedes those inside it. This is the q-digest of Shrivastava et al. (2004) for two classes, with
// shares of weight instead of counts.
import { begin, visit } from "./area";
import { Cell, CELL_BYTES, CELL_WEIGHTS, Row, ROW_BYTES, WEIGHTS } from "./records";

@inline
function firstOf(cell: usize): u64 {
  return <u64>changetype<Cell>(cell).id >> 6;
}

@inline
function bitsOf(cell: usize): u32 {
  return 32 - <u32>(<u64>changetype<Cell>(cell).id & 63);
}

@inline
function put(at: usize, first: u64, bits: u32, negatives: f64, positives: f64): void {
  const cell = changetype<Cell>(at);
  cell.id = <f64>((first << 6) | (32 - bits));
  cell.negative = negatives;
  cell.positive = positives;
}

@inline
function negativeOf(cell: usize): f64 {
  return changetype<Cell>(cell).negative;
}

@inline
function positiveOf(cell: usize): f64 {
  return changetype<Cell>(cell).positive;
}

/** Converts sorted rows (see totals.ts) to cells of single numbers. Returns the number of cells. */
export function toCells(rows: usize, count: u32, cells: usize): u32 {
  let last = cells - CELL_BYTES;
  let order: i64 = -1;
  for (let end = rows + <usize>count * ROW_BYTES; rows < end; rows += ROW_BYTES) {
    const weights = v128.load64_zero(rows, WEIGHTS);
    if (!v128.any_true(weights)) continue;
    const place = <i64>changetype<Row>(rows).place;
    if (place != order) {
      order = place;
      put((last += CELL_BYTES), <u64>order, 0, 0, 0);
    }
    v128.store(last, f64x2.add(v128.load(last, CELL_WEIGHTS), f64x2.promote_low_f32x4(weights)), CELL_WEIGHTS);
  }
  return <u32>((last + CELL_BYTES - cells) / CELL_BYTES);
}

/** Scales a list in place so that its negatives sum to 1, and its positives too. */
export function toShares(cells: usize, count: u32): void {
  const end = cells + <usize>count * CELL_BYTES;
  let sums = f64x2.splat(0);
  for (let at = cells; at < end; at += CELL_BYTES) sums = f64x2.add(sums, v128.load(at, CELL_WEIGHTS));
  const none = f64x2.eq(sums, f64x2.splat(0));
  sums = v128.bitselect(f64x2.splat(1), sums, none);
  for (let at = cells; at < end; at += CELL_BYTES)
    v128.store(at, f64x2.div(v128.load(at, CELL_WEIGHTS), sums), CELL_WEIGHTS);
}

/** Adds two lists into `out`, which has room for both. Returns the number of cells. */
export function merge(a: usize, countA: u32, b: usize, countB: u32, out: usize): u32 {
  const endA = a + <usize>countA * CELL_BYTES;
  const endB = b + <usize>countB * CELL_BYTES;
  let to = out;
  while (a < endA && b < endB) {
    const idA = changetype<Cell>(a).id;
    const idB = changetype<Cell>(b).id;
    const sum = changetype<Cell>(to);
    sum.id = min(idA, idB);
    sum.negative = (idA <= idB ? negativeOf(a) : 0) + (idB <= idA ? negativeOf(b) : 0);
    sum.positive = (idA <= idB ? positiveOf(a) : 0) + (idB <= idA ? positiveOf(b) : 0);
    if (idA <= idB) a += CELL_BYTES;
    if (idB <= idA) b += CELL_BYTES;
    to += CELL_BYTES;
  }
  memory.copy(to, a, endA - a);
  to += endA - a;
  memory.copy(to, b, endB - b);
  return <u32>((to + (endB - b) - out) / CELL_BYTES);
}

/**
 * Coarsens a list in place to at most `capacity` cells, merging those of least weight first. Returns the number of
 * cells.
 */
export function shrink(cells: usize, count: u32, capacity: u32): u32 {
  for (let most: f64 = 1 / <f64>capacity; count > capacity; most *= 1.25) count = coarsen(cells, count, most);
  return count;
}

/**
 * Merges the contents of cells into the largest enclosing cells that hold at most the share `most` of the weight. Half
 * the weight is that of the negatives and half that of the positives, so either class has at most 2 * most in any of
 * them, however rare it is.
 */
function coarsen(cells: usize, count: u32, most: f64): u32 {
  const end = cells + <usize>count * CELL_BYTES;
  let negatives: f64 = 0;
  let positives: f64 = 0;
  for (let at = cells; at < end; at += CELL_BYTES) {
    negatives += negativeOf(at);
    positives += positiveOf(at);
  }
  const perNegative = negatives > 0 ? 0.5 / negatives : 0;
  const perPositive = positives > 0 ? 0.5 / positives : 0;
  let last = cells - CELL_BYTES;
  for (let at = cells; at < end; ) {
    const first = firstOf(at);
    const own = bitsOf(at);
    let bits = own;
    let negative = negativeOf(at);
    let positive = positiveOf(at);
    let next = at + CELL_BYTES;
    // The current cell, and the end, weights and size of the largest cell that may replace it.
    let toNext = next;
    let toNegative = negative;
    let toPositive = positive;
    let toBits = own;
    for (;;) {
      while (next < end && (firstOf(next) ^ first) >> bits == 0) {
        negative += negativeOf(next);
        positive += positiveOf(next);
        next += CELL_BYTES;
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
    last += CELL_BYTES;
    put(last, (first >> toBits) << toBits, toBits, toNegative, toPositive);
    at = toNext;
  }
  return <u32>((last + CELL_BYTES - cells) / CELL_BYTES);
}

/** Passes a list to area.ts. */
export function measure(cells: usize, count: u32): void {
  begin();
  for (let end = cells + <usize>count * CELL_BYTES; cells < end; cells += CELL_BYTES) {
    visit(firstOf(cells), bitsOf(cells), negativeOf(cells), positiveOf(cells));
  }
}
