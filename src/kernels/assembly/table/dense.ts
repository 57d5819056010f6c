// Dense weights: a parameter is one or more rows of contiguous floats, its slots lie apart (structure of arrays), and its
// weights are always materialised so that a graph reads them in place. The update kernels are those of sparse rows.
import { squares, usable } from "./lanes";
import { initialiseApart, kind, ROWWISE_ADAGRAD, updateApart } from "./optimizer";

/** Bytes from row to row of the other slots: row-wise AdaGrad's accumulator has 4 floats a row, other slots as many as w. */
@inline
function slotBytes(bytes: usize): usize {
  return kind == ROWWISE_ADAGRAD ? 16 : bytes;
}

/** Makes the slots a, b of a parameter w[rows, columns] from its initial weights; columns a multiple of 4 where rows > 1. */
export function denseInitialise(w: usize, a: usize, b: usize, rows: u32, columns: u32): void {
  const bytes = <usize>((columns + 3) & ~3) << 2;
  const apart = slotBytes(bytes);
  for (let r: u32 = 0; r < rows; r++) {
    initialiseApart(w, a, b, columns);
    w += bytes;
    a += apart;
    b += apart;
  }
}

/** One step over a parameter w[rows, columns] with gradient g of the same shape, times `scale`. Call `beginStep` before the first. */
export function denseStep(w: usize, a: usize, b: usize, g: usize, rows: u32, columns: u32, scale: f32): void {
  const bytes = <usize>((columns + 3) & ~3) << 2;
  const apart = slotBytes(bytes);
  for (let r: u32 = 0; r < rows; r++) {
    updateApart(w, a, b, g, columns, scale);
    w += bytes;
    g += bytes;
    a += apart;
    b += apart;
  }
}

export function denseUsable(g: usize, count: u32): bool {
  return usable(g, count);
}

/** The sum of `count` squared floats. */
export function denseSquares(g: usize, count: u32): f32 {
  return squares(g, count);
}
