// Factorization machine (Rendle 2010), event by event. A row holds `factors` factors v, then the linear weight w, then
// padding of zeros: logit = sum of w x + 1/2 sum over k of ((sum of v_k x)^2 - sum of (v_k x)^2). With S = sum of v x:
// the gradient of w is g x and of v is g x (S - v x), g = (p - y) importance.
import { valuesAt, weightsAt } from "./events";
import { sumLanes } from "./lanes";
import { workspace } from "./memory";
import { dim, laneBytes } from "./row-state";

/** Byte offset of the linear weight in a row. */
let linearAt: usize = 0;
/** f32[lanes]: sum of v x, with the linear weights' sum in its lane; sum of (v x)^2. */
let sumAt: usize = 0;
let squaresAt: usize = 0;

/** Allocates the workspace of `fm`, whose rows' `dim` random weights are the factors. */
export function openFm(): bool {
  linearAt = (<usize>dim) << 2;
  sumAt = workspace(laneBytes);
  squaresAt = workspace(laneBytes);
  return squaresAt != 0;
}

/** The logit of the event whose weights were read. */
export function fmLogit(count: u32): f32 {
  addUp(count);
  const linear = load<f32>(sumAt + linearAt);
  let pairs = f32x4.splat(0);
  for (let k: usize = 0; k < laneBytes; k += 16) {
    const sum = v128.load(sumAt + k);
    pairs = f32x4.add(pairs, f32x4.sub(f32x4.mul(sum, sum), v128.load(squaresAt + k)));
  }
  return linear + <f32>0.5 * sumLanes(pairs);
}

/** Sums v x and (v x)^2 over the event's features, lane by lane; the linear lane's square cancels in `fmLogit`. */
function addUp(count: u32): void {
  for (let k: usize = 0; k < laneBytes; k += 16) {
    let sum = f32x4.splat(0);
    let squares = f32x4.splat(0);
    for (let i: u32 = 0; i < count; i++) {
      const x = v128.load32_splat(valuesAt + ((<usize>i) << 2));
      const vx = f32x4.mul(v128.load(weightsAt + <usize>i * laneBytes + k), x);
      sum = f32x4.add(sum, vx);
      squares = f32x4.add(squares, f32x4.mul(vx, vx));
    }
    v128.store(sumAt + k, sum);
    v128.store(squaresAt + k, squares);
  }
  const linear = load<f32>(sumAt + linearAt);
  store<f32>(squaresAt + linearAt, linear * linear);
}

/**
 * Writes the gradients of the features' rows, f32[features × lanes]: g x (S - v x) in the factors' lanes, g x in the
 * linear lane.
 */
export function fmGradients(count: u32, g: f32, gradientsAt: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    const x = load<f32>(valuesAt + ((<usize>i) << 2));
    const xs = f32x4.splat(x);
    const gx = f32x4.splat(g * x);
    const row = weightsAt + <usize>i * laneBytes;
    const out = gradientsAt + <usize>i * laneBytes;
    for (let k: usize = 0; k < laneBytes; k += 16) {
      const others = f32x4.sub(v128.load(sumAt + k), f32x4.mul(v128.load(row + k), xs));
      v128.store(out + k, f32x4.mul(gx, others));
    }
    store<f32>(out + linearAt, g * x);
  }
}
