// The cells in which examples are currently counted, ordered by id (see cells.ts): some nested, one around all others.
// An accumulator over them is f64[2] per cell, the weights of negatives and positives.
import { begin, visit } from "./area";
import { Cell, CELL_BYTES, CELL_WEIGHTS, Row, ROW_BYTES, WEIGHTS } from "./records";

const MOST_CELLS: u32 = 24_576;
const SLOTS: usize = 1 << 16;

/**
 * u32 per cell: its first number (followed by as many maximal numbers after the last cell), its bits, its enclosing
 * cell.
 */
const firsts = memory.data(8 * 24_576, 64);
const sizes = memory.data(4 * 24_576, 64);
const parents = memory.data(4 * 24_576, 64);
/**
 * u16 for each upper half of a number: the last cell that begins at or before the lowest number with it; one more for
 * the end.
 */
const slots = memory.data(2 * 65_537, 64);
let cells: u32 = 0;
/** Maximum number of cells between two slots, rounded up to a power of two. */
let reach: u32 = 1;

/** Sets `count` cell ids, f64, ascending; the first is 0 (the cell of all numbers). */
export function layOut(ids: usize, count: u32): void {
  cells = count;
  let slot: usize = 0;
  for (let cell: u32 = 0; cell < count; cell++) {
    const id = <u64>load<f64>(ids + ((<usize>cell) << 3));
    const first = <u32>(id >> 6);
    const at = (<usize>cell) << 2;
    store<u32>(firsts + at, first);
    store<u32>(sizes + at, 32 - <u32>(id & 63));
    let parent = cell > 0 ? cell - 1 : 0;
    while (parent > 0 && !inside(first, parent)) parent = load<u32>(parents + ((<usize>parent) << 2));
    store<u32>(parents + at, parent);
    for (; slot < SLOTS && <u32>(slot << 16) < first; slot++) store<u16>(slots + (slot << 1), <u16>(cell - 1));
  }
  for (; slot <= SLOTS; slot++) store<u16>(slots + (slot << 1), <u16>(count - 1));
  memory.fill(firsts + ((<usize>count) << 2), 255, (<usize>MOST_CELLS) << 2);
  let most: u32 = 0;
  for (let at = slots; at < slots + (SLOTS << 1); at += 2) most = max(most, <u32>load<u16>(at, 2) - load<u16>(at));
  reach = most > 0 ? 1 << (32 - clz(most)) : 1;
}

@inline
function inside(number: u32, cell: u32): bool {
  const at = (<usize>cell) << 2;
  return <u64>(number ^ load<u32>(firsts + at)) >> load<u32>(sizes + at) == 0;
}

/** The smallest cell that contains a number. */
@inline
function cellOf(number: u32): u32 {
  let cell = <u32>load<u16>(slots + ((<usize>(number >> 16)) << 1));
  // A fixed number of steps, so that the loop's end is predicted.
  for (let step = reach >> 1; step > 0; step >>= 1) {
    cell = load<u32>(firsts + ((<usize>(cell + step)) << 2)) <= number ? cell + step : cell;
  }
  while (!inside(number, cell)) cell = load<u32>(parents + ((<usize>cell) << 2));
  return cell;
}

/** Adds `count` rows (see totals.ts) to an accumulator. */
export function tally(rows: usize, count: u32, accumulator: usize): void {
  for (let end = rows + <usize>count * ROW_BYTES; rows < end; rows += ROW_BYTES) {
    const at = accumulator + ((<usize>cellOf(changetype<Row>(rows).place)) << 4);
    v128.store(at, f64x2.add(v128.load(at), f64x2.promote_low_f32x4(v128.load64_zero(rows, WEIGHTS))));
  }
}

/** The smallest cell that contains the one of this id. */
@inline
function cellAround(id: u64): u32 {
  const size: u32 = 32 - <u32>(id & 63);
  let cell = cellOf(<u32>(id >> 6));
  while (load<u32>(sizes + ((<usize>cell) << 2)) < size) cell = load<u32>(parents + ((<usize>cell) << 2));
  return cell;
}

/** Adds a list of cells, each to the smallest cell that contains it. */
export function spread(list: usize, count: u32, accumulator: usize): void {
  for (let end = list + <usize>count * CELL_BYTES; list < end; list += CELL_BYTES) {
    const at = accumulator + ((<usize>cellAround(<u64>changetype<Cell>(list).id)) << 4);
    v128.store(at, f64x2.add(v128.load(at), v128.load(list, CELL_WEIGHTS)));
  }
}

/** Writes for each of `count` cells, f64 ids, the u32 index of the smallest cell that contains it. */
export function placesOf(ids: usize, count: u32, places: usize): void {
  for (let i: usize = 0; i < <usize>count; i++)
    store<u32>(places + (i << 2), cellAround(<u64>load<f64>(ids + (i << 3))));
}

/** Adds the f32[2] of each of `count` cells to the cell whose index is at `places`. */
export function moveSingles(singles: usize, count: u32, places: usize, accumulator: usize): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    const weights = f64x2.promote_low_f32x4(v128.load64_zero(singles + (i << 3)));
    const at = accumulator + ((<usize>load<u32>(places + (i << 2))) << 4);
    v128.store(at, f64x2.add(v128.load(at), weights));
  }
}

/** Passes an accumulator to area.ts. */
export function measureAll(accumulator: usize): void {
  begin();
  for (let cell: u32 = 0; cell < cells; cell++) {
    const weights = v128.load(accumulator + ((<usize>cell) << 4));
    if (!v128.any_true(weights)) continue;
    const at = (<usize>cell) << 2;
    const negative = f64x2.extract_lane(weights, 0);
    visit(<u64>load<u32>(firsts + at), load<u32>(sizes + at), negative, f64x2.extract_lane(weights, 1));
  }
}

/** Adds accumulator `from` to three others and clears it. */
export function moveTo(from: usize, a: usize, b: usize, c: usize): void {
  for (let at: usize = 0, end = (<usize>cells) << 4; at < end; at += 16) {
    const weights = v128.load(from + at);
    if (!v128.any_true(weights)) continue;
    v128.store(from + at, f64x2.splat(0));
    v128.store(a + at, f64x2.add(v128.load(a + at), weights));
    v128.store(b + at, f64x2.add(v128.load(b + at), weights));
    v128.store(c + at, f64x2.add(v128.load(c + at), weights));
  }
}

/** Moves an accumulator to f32[2] per cell. */
export function takeSingles(accumulator: usize, out: usize): void {
  for (let cell: usize = 0, end = <usize>cells; cell < end; cell++) {
    const at = accumulator + (cell << 4);
    v128.store64_lane(out + (cell << 3), f32x4.demote_f64x2_zero(v128.load(at)), 0);
    v128.store(at, f64x2.splat(0));
  }
}

/** Adds f32[2] per cell to an accumulator. */
export function addSingles(singles: usize, accumulator: usize): void {
  for (let cell: usize = 0, end = <usize>cells; cell < end; cell++) {
    const weights = f64x2.promote_low_f32x4(v128.load64_zero(singles + (cell << 3)));
    v128.store(accumulator + (cell << 4), f64x2.add(v128.load(accumulator + (cell << 4)), weights));
  }
}

/** Writes an accumulator as a list of cells, omitting empty ones. Returns the number of cells. */
export function listOf(accumulator: usize, list: usize): u32 {
  let to = list;
  for (let cell: u32 = 0; cell < cells; cell++) {
    const weights = v128.load(accumulator + ((<usize>cell) << 4));
    if (!v128.any_true(weights)) continue;
    const at = (<usize>cell) << 2;
    changetype<Cell>(to).id = <f64>(((<u64>load<u32>(firsts + at)) << 6) | (32 - load<u32>(sizes + at)));
    v128.store(to, weights, CELL_WEIGHTS);
    to += CELL_BYTES;
  }
  return <u32>((to - list) / CELL_BYTES);
}
