// AdaGrad with one accumulator per row, the mean of g^2 over its `dim` weights (as in DLRM): acc += mean(g^2); w -=
// rate / (sqrt(acc) + epsilon) g. Hyper-parameters and initialisation are AdaGrad's.
import { sumLanes } from "../lanes";
import { epsilon, rate } from "./adagrad";

export { configure, initialise } from "./adagrad";

@inline
export function step(w: usize, acc: usize, g: usize, bytes: usize, dim: u32, scale: f32): void {
  let squares = f32x4.splat(0);
  for (let i: usize = 0; i < bytes; i += 16) {
    const gi = f32x4.mul(v128.load(g + i), f32x4.splat(scale));
    squares = f32x4.add(squares, f32x4.mul(gi, gi));
  }
  const sum = load<f32>(acc) + sumLanes(squares) / <f32>dim;
  store<f32>(acc, sum);
  const size = f32x4.splat(rate / (sqrt<f32>(sum) + epsilon));
  for (let i: usize = 0; i < bytes; i += 16) {
    const gi = f32x4.mul(v128.load(g + i), f32x4.splat(scale));
    v128.store(w + i, f32x4.sub(v128.load(w + i), f32x4.mul(size, gi)));
  }
}

@inline
export function step1(w: usize, acc: usize, g: f32): void {
  const sum = load<f32>(acc) + g * g;
  store<f32>(acc, sum);
  store<f32>(w, load<f32>(w) - (rate / (sqrt<f32>(sum) + epsilon)) * g);
}
