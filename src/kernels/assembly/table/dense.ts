// Dense weights: a parameter is one or more rows of contiguous floats, with slots in separate arrays (structure of
// arrays). Its weights are always materialised so that a graph reads them in place. The update kernels are those of
// sparse rows.
import { squares, usable } from "./lanes";
import * as ftrl from "./optimizers/ftrl";
import { apartBytes, derives, initialiseSums, readWeights, step, thresholdOf } from "./optimizers/index";

/**
 * Initialises the slots a, b of a parameter w[rows, columns] from its initial weights; columns must be a multiple of 4
 * if rows > 1.
 */
export function denseInitialise(w: usize, a: usize, b: usize, rows: u32, columns: u32): void {
  const bytes = (<usize>((columns + 3) & ~3)) << 2;
  const apart = apartBytes(bytes);
  for (let r: u32 = 0; r < rows; r++) {
    initialiseRow(w, a, b, columns, bytes);
    w += bytes;
    a += apart;
    b += apart;
  }
}

/**
 * One step over a parameter w[rows, columns] with gradient g of the same shape, times `scale`. Call `beginStep` before
 * the first.
 */
export function denseStep(w: usize, a: usize, b: usize, g: usize, rows: u32, columns: u32, scale: f32): void {
  const bytes = (<usize>((columns + 3) & ~3)) << 2;
  const apart = apartBytes(bytes);
  for (let r: u32 = 0; r < rows; r++) {
    updateRow(w, a, b, g, columns, bytes, scale);
    w += bytes;
    g += bytes;
    a += apart;
    b += apart;
  }
}

/**
 * Initialises the other slots of a row of `dim` weights w, `bytes` bytes long. Adam's are not touched: they are zero at
 * first, and a weight that is changed from outside during learning (the output's bias) keeps its moments.
 */
function initialiseRow(w: usize, a: usize, b: usize, dim: u32, bytes: usize): void {
  if (derives()) {
    memory.copy(a, w, bytes);
    ftrl.initialise(a, b, <u32>(bytes >> 2), thresholdOf(dim));
    readWeights(a, b, w, bytes, thresholdOf(dim));
  } else initialiseSums(a, <u32>(bytes >> 2), 4);
}

@inline
function updateRow(w: usize, a: usize, b: usize, g: usize, dim: u32, bytes: usize, scale: f32): void {
  if (derives()) {
    ftrl.update(a, b, w, g, bytes, scale);
    readWeights(a, b, w, bytes, thresholdOf(dim));
  } else step(w, a, b, g, bytes, dim, scale);
}

export function denseUsable(g: usize, count: u32): bool {
  return usable(g, count);
}

/** Adds the floats at `from` to those at `to`; `count` is rounded up to a multiple of 4. */
export function denseAdd(to: usize, from: usize, count: u32): void {
  const end = from + ((<usize>((count + 3) & ~3)) << 2);
  while (from < end) {
    v128.store(to, f32x4.add(v128.load(to), v128.load(from)));
    to += 16;
    from += 16;
  }
}

/**
 * Converts `count` bf16 numbers to floats in place, starting with the last ones, whose destinations are behind all
 * numbers still to be read.
 */
export function widen(at: usize, count: u32): void {
  let i = <usize>count;
  for (; i & 7; i--) store<u32>(at + ((i - 1) << 2), (<u32>load<u16>(at + ((i - 1) << 1))) << 16);
  while (i > 0) {
    i -= 8;
    const halves = v128.load(at + (i << 1));
    v128.store(at + (i << 2), i32x4.shl(i32x4.extend_high_i16x8_u(halves), 16), 16);
    v128.store(at + (i << 2), i32x4.shl(i32x4.extend_low_i16x8_u(halves), 16));
  }
}

/** The sum of `count` squared floats. */
export function denseSquares(g: usize, count: u32): f32 {
  return squares(g, count);
}
