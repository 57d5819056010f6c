// Similarity of rows to a vector, for nearest-neighbour search in a table.
import { sumLanes } from "./lanes";
import { lanes, weights } from "./row-state";
import { rowPtr } from "./row-places";
import { isTouched } from "./learned-rows";

/**
 * out[row - from] (f32) = the dot product of a vector with the weights of the rows [from, to), divided by their length
 * if `cosine`; NaN for rows not learned. Changes nothing.
 * @param query f32[lanes], padded with zeros to a multiple of four
 * @param probe scratch memory for one row's weights, which starts as zeros and is padded likewise
 */
export function similarities(query: usize, from: u32, to: u32, cosine: bool, probe: usize, out: usize): void {
  for (let row = from; row < to; row++, out += 4)
    store<f32>(out, isTouched(row) ? similarity(query, row, cosine, probe) : NaN);
}

function similarity(query: usize, row: u32, cosine: bool, probe: usize): f32 {
  let dots = f32x4.splat(0);
  let squares = f32x4.splat(0);
  weights(rowPtr(row), probe);
  for (let at: usize = 0, end = (<usize>lanes) << 2; at < end; at += 16) {
    const w = v128.load(probe + at);
    dots = f32x4.add(dots, f32x4.mul(w, v128.load(query + at)));
    squares = f32x4.add(squares, f32x4.mul(w, w));
  }
  const dot = sumLanes(dots);
  if (!cosine) return dot;
  const length = sqrt<f32>(sumLanes(squares));
  return length > 0 ? dot / length : 0;
}
