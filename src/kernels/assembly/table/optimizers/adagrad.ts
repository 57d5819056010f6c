// AdaGrad (Duchi et al. 2011): acc += g^2; w -= rate g / (sqrt(acc) + epsilon).
export let rate: f32 = 0;
export let epsilon: f32 = 0;
let accumulator: f32 = 0;

export function configure(learningRate: f64, initialAccumulator: f64, epsilon_: f64): void {
  rate = <f32>learningRate;
  accumulator = <f32>initialAccumulator;
  epsilon = <f32>epsilon_;
}

/** Initialises a new row's `count` accumulators, including their padding. */
export function initialise(acc: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i++) store<f32>(acc + ((<usize>i) << 2), accumulator);
}

@inline
export function step(w: usize, acc: usize, g: usize, bytes: usize, scale: f32): void {
  for (let i: usize = 0; i < bytes; i += 16) {
    const gi = f32x4.mul(v128.load(g + i), f32x4.splat(scale));
    const sum = f32x4.add(v128.load(acc + i), f32x4.mul(gi, gi));
    const divisor = f32x4.add(f32x4.sqrt(sum), f32x4.splat(epsilon));
    v128.store(acc + i, sum);
    v128.store(w + i, f32x4.sub(v128.load(w + i), f32x4.div(f32x4.mul(f32x4.splat(rate), gi), divisor)));
  }
}

@inline
export function step1(w: usize, acc: usize, g: f32): void {
  const sum = load<f32>(acc) + g * g;
  store<f32>(acc, sum);
  store<f32>(w, load<f32>(w) - (rate * g) / (sqrt<f32>(sum) + epsilon));
}
