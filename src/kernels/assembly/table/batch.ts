// A mini-batch over one table: X[rows, cells * dim] = the cells' embeddings, and the update from dX of the same shape.
// Occurrences are numbered: first singles (row-major, coefficient 1), then list by list; a list is one cell's CSR run
// of weighted keys (bags; number and bias cells have one key per row). Their rows are those of `distinct-rows.ts`.
import { addFloats, addScaled, copyFloats, squares, usable } from "./lanes";
import {
  applyCollected,
  clearGradients,
  findRows,
  gradientOf,
  openDistinct,
  readRows,
  weightsAt,
} from "./distinct-rows";
import { workspaceOf } from "./memory";
import { dim } from "./row-state";

/** Combiners, which convert a list's weights w to coefficients: w, w / sum(w), w / sqrt(sum(w^2)). */
const SUM: u32 = 0;
const MEAN: u32 = 1;

/** A list of the batch, see `setList`. */
@unmanaged
class List {
  cell: u32;
  combiner: u32;
  /** Index of its first occurrence. */
  first: u32;
  offsets: usize;
  /** Number of cells. */
  width: u32;
}
const LIST_BYTES: u32 = <u32>offsetof<List>();

@inline
function listOf(i: u32): List {
  return changetype<List>(listsAt + <usize>i * LIST_BYTES);
}

let capacity: u32 = 0;
let cells: u32 = 0;
let singles: u32 = 0;
let lists: u32 = 0;

export let coefficientsAt: usize = 0;
export let outputAt: usize = 0;
export let gradientAt: usize = 0;
let listsAt: usize = 0;

/**
 * Allocates the workspace for batches of up to `rows` rows and `most` occurrences. Call before `open`, after
 * `configureRow`. False if the memory limit is exceeded.
 */
export function openBatch(rows: u32, cells_: u32, singles_: u32, lists_: u32, most: u32): bool {
  capacity = rows;
  cells = cells_;
  singles = singles_;
  lists = lists_;
  openDistinct(most);
  coefficientsAt = workspaceOf(most, 4);
  listsAt = workspaceOf(lists, LIST_BYTES + ((rows + 1) << 2));
  outputAt = workspaceOf(rows, (<usize>cells * dim) << 2);
  gradientAt = workspaceOf(rows, (<usize>cells * dim) << 2);
  return gradientAt != 0;
}

/**
 * Describes list `i` of the next batch, whose items go to `width` cells from `cell` on: all combined in one cell, or
 * one item per cell, padded with zeros (`width` at least the longest run, combiner SUM). Returns the address of its
 * u32[rows + 1] offsets, counted from its first occurrence.
 */
export function setList(i: u32, cell: u32, combiner: u32, first: u32, width: u32): usize {
  const list = listOf(i);
  const offsets = listsAt + <usize>lists * LIST_BYTES + <usize>i * ((capacity + 1) << 2);
  list.cell = cell;
  list.combiner = combiner;
  list.first = first;
  list.offsets = offsets;
  list.width = width;
  return offsets;
}

/**
 * Fills X from the keys, coefficients and lists that the host wrote; the keys are overwritten. When learning, rows are
 * created for new keys; false, with nothing changed, if they do not fit. Scoring changes nothing.
 */
export function gather(rows: u32, count: u32, learn: bool): bool {
  if (!findRows(count, learn)) return false;
  spread(rows);
  return true;
}

/** The second half of a scoring `gather`, once the rows of the keys left by `gatherKeys` are present. */
export function gatherFound(rows: u32): void {
  readRows();
  spread(rows);
}

/** Fills X from the vectors of the distinct keys (or rows). */
export function spread(rows: u32): void {
  for (let i: u32 = 0; i < lists; i++) combine(i, rows);
  spreadSingles(rows);
  for (let i: u32 = 0; i < lists; i++) spreadList(i, rows);
}

/** Converts a list's weights to coefficients. A row whose weights have no mean (no items, or sum 0) gets zeros. */
function combine(list: u32, rows: u32): void {
  const head = listOf(list);
  const combiner = head.combiner;
  if (combiner == SUM) return;
  const base = coefficientsAt + ((<usize>head.first) << 2);
  const offsets = head.offsets;
  for (let r: u32 = 0; r < rows; r++) {
    const from = base + ((<usize>load<u32>(offsets + ((<usize>r) << 2))) << 2);
    const to = base + ((<usize>load<u32>(offsets + ((<usize>r) << 2), 4)) << 2);
    let sum: f32 = 0;
    for (let at = from; at < to; at += 4) {
      const w = load<f32>(at);
      sum += combiner == MEAN ? w : w * w;
    }
    const divisor = combiner == MEAN ? sum : sqrt<f32>(sum);
    for (let at = from; at < to; at += 4) store<f32>(at, divisor == 0 ? 0 : load<f32>(at) / divisor);
  }
}

function spreadSingles(rows: u32): void {
  const rowBytes = (<usize>cells * dim) << 2;
  let i: u32 = 0;
  for (let r: u32 = 0; r < rows; r++) {
    let out = outputAt + <usize>r * rowBytes;
    for (let c: u32 = 0; c < singles; c++) {
      copyFloats(out, weightsAt(i++), dim);
      out += (<usize>dim) << 2;
    }
  }
}

/** Bytes between the cells of two items: 0 if all go to the same cell. */
@inline
function stepOf(list: List): usize {
  return list.width > 1 ? (<usize>dim) << 2 : 0;
}

function spreadList(list: u32, rows: u32): void {
  const head = listOf(list);
  const offsets = head.offsets;
  const rowBytes = (<usize>cells * dim) << 2;
  const width = (<usize>head.width * dim) << 2;
  const step = stepOf(head);
  let out = outputAt + ((<usize>head.cell * dim) << 2);
  let i = head.first;
  for (let r: u32 = 0; r < rows; r++) {
    const end = head.first + load<u32>(offsets + ((<usize>r) << 2), 4);
    memory.fill(out, 0, width);
    for (let to = out; i < end; i++) {
      addScaled(to, weightsAt(i), dim, load<f32>(coefficientsAt + ((<usize>i) << 2)));
      to += step;
    }
    out += rowBytes;
  }
}

/** Applies dX of the last learning gather: one optimizer step, with one update per unique row. */
export function apply(rows: u32): void {
  collect(rows);
  applyCollected();
}

/** Sums dX for each distinct key (or row), at `uniqueGradientsAt`. */
export function collect(rows: u32): void {
  clearGradients();
  collectSingles(rows);
  for (let i: u32 = 0; i < lists; i++) collectList(i, rows);
}

/** Adds the f32[count x dim] at `gradientAt` to the gradients of the occurrences from number `first` on. */
export function addGradients(first: u32, count: u32): void {
  let from = gradientAt;
  for (let i: u32 = 0; i < count; i++) {
    addFloats(gradientOf(first + i), from, dim);
    from += (<usize>dim) << 2;
  }
}

function collectSingles(rows: u32): void {
  const rowBytes = (<usize>cells * dim) << 2;
  let i: u32 = 0;
  for (let r: u32 = 0; r < rows; r++) {
    let dx = gradientAt + <usize>r * rowBytes;
    for (let c: u32 = 0; c < singles; c++) {
      addFloats(gradientOf(i++), dx, dim);
      dx += (<usize>dim) << 2;
    }
  }
}

function collectList(list: u32, rows: u32): void {
  const head = listOf(list);
  const offsets = head.offsets;
  const rowBytes = (<usize>cells * dim) << 2;
  const step = stepOf(head);
  let dx = gradientAt + ((<usize>head.cell * dim) << 2);
  let i = head.first;
  for (let r: u32 = 0; r < rows; r++) {
    const end = head.first + load<u32>(offsets + ((<usize>r) << 2), 4);
    for (let from = dx; i < end; i++) {
      addScaled(gradientOf(i), from, dim, load<f32>(coefficientsAt + ((<usize>i) << 2)));
      from += step;
    }
    dx += rowBytes;
  }
}

/** True when every float of dX is usable (see `usable`). */
export function gradientUsable(rows: u32): bool {
  return usable(gradientAt, rows * cells * dim);
}

/** The sum of squares of dX. */
export function gradientSquares(rows: u32): f32 {
  return squares(gradientAt, rows * cells * dim);
}
