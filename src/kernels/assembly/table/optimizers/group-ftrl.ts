// FTRL with the group lasso over rows (Yue et al. 2021): u = soft(z, l1), t = l21 sqrt(dim); the row is 0 if |u| <= t,
// else w_i = -(1 - t / |u|) u_i / D_i. State and update are FTRL's.
import { sumLanes } from "../lanes";
import { beta, invAlpha, l1, l2, softSize, weightsOf } from "./ftrl";

let l21: f64 = 0;

export function configure(l21_: f64): void {
  l21 = l21_;
}

/** t for a row of `dim` weights. */
@inline
export function threshold(dim: u32): f32 {
  return <f32>(l21 * sqrt<f64>(<f64>dim));
}

@inline
export function weight1(z: f32, n: f32, t: f32): f32 {
  const size = abs<f32>(z) - l1;
  if (!(size > 0) || !(size > t)) return 0;
  const shrink: f32 = <f32>1 - t / size;
  const w = (shrink * size) / ((beta + sqrt<f32>(n)) * invAlpha + l2);
  return z > 0 ? -w : w;
}

/** out[bytes / 4] = weights of (z, n) with threshold t. */
export function weights(z: usize, n: usize, out: usize, bytes: usize, t: f32): void {
  let squares = f32x4.splat(0);
  for (let i: usize = 0; i < bytes; i += 16) {
    const u = softSize(v128.load(z + i), f32x4.splat(l1));
    squares = f32x4.add(squares, f32x4.mul(u, u));
  }
  const norm = sqrt<f32>(sumLanes(squares));
  if (!(norm > t)) {
    memory.fill(out, 0, bytes);
    return;
  }
  const shrink = f32x4.splat(<f32>1 - t / norm);
  for (let i: usize = 0; i < bytes; i += 16) {
    const zi = v128.load(z + i);
    v128.store(out + i, weightsOf(zi, v128.load(n + i), f32x4.mul(shrink, softSize(zi, f32x4.splat(l1)))));
  }
}
