// Plain gradient descent: w -= rate g.
let rate: f32 = 0;

export function configure(learningRate: f64): void {
  rate = <f32>learningRate;
}

@inline
export function step(w: usize, g: usize, bytes: usize, scale: f32): void {
  for (let i: usize = 0; i < bytes; i += 16) {
    const gi = f32x4.mul(v128.load(g + i), f32x4.splat(scale));
    v128.store(w + i, f32x4.sub(v128.load(w + i), f32x4.mul(f32x4.splat(rate), gi)));
  }
}

@inline
export function step1(w: usize, g: f32): void {
  store<f32>(w, load<f32>(w) - rate * g);
}

/** The gradient that changes a weight by 1. */
@inline
export function reach(): f32 {
  return <f32>1 / rate;
}
