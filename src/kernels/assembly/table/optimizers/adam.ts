// Adam (Kingma & Ba 2015): m += (1 - beta1)(g - m) and v likewise with g^2, in the order beta m + (1 - beta) g;
// w -= stepSize m / (sqrt(v) + stepEpsilon).
let rate: f32 = 0;
let epsilon: f32 = 0;
let beta1: f64 = 0;
let beta2: f64 = 0;
/** beta1^t and beta2^t after t steps: part of the optimizer's state. */
export let power1: f64 = 1;
export let power2: f64 = 1;
let stepSize: f32 = 0;
let stepEpsilon: f32 = 0;

export function configure(learningRate: f64, beta1_: f64, beta2_: f64, epsilon_: f64): void {
  rate = <f32>learningRate;
  beta1 = beta1_;
  beta2 = beta2_;
  epsilon = <f32>epsilon_;
  restore(1, 1);
}

export function restore(power1_: f64, power2_: f64): void {
  power1 = power1_;
  power2 = power2_;
}

/** Begins step t: sets the bias-corrected step size and epsilon (the efficient order of section 2). */
export function begin(): void {
  power1 *= beta1;
  power2 *= beta2;
  const correction = sqrt<f64>(1 - power2);
  stepSize = <f32>((<f64>rate * correction) / (1 - power1));
  stepEpsilon = <f32>(<f64>epsilon * correction);
}

@inline
export function step(w: usize, m: usize, v: usize, g: usize, bytes: usize, scale: f32): void {
  const b1 = f32x4.splat(<f32>beta1);
  const b2 = f32x4.splat(<f32>beta2);
  const c1 = f32x4.splat(<f32>(1 - beta1));
  const c2 = f32x4.splat(<f32>(1 - beta2));
  const size = f32x4.splat(stepSize);
  const eps = f32x4.splat(stepEpsilon);
  for (let i: usize = 0; i < bytes; i += 16) {
    const gi = f32x4.mul(v128.load(g + i), f32x4.splat(scale));
    const mi = f32x4.add(f32x4.mul(b1, v128.load(m + i)), f32x4.mul(c1, gi));
    const vi = f32x4.add(f32x4.mul(b2, v128.load(v + i)), f32x4.mul(f32x4.mul(c2, gi), gi));
    const change = f32x4.div(f32x4.mul(size, mi), f32x4.add(f32x4.sqrt(vi), eps));
    v128.store(m + i, mi);
    v128.store(v + i, vi);
    v128.store(w + i, f32x4.sub(v128.load(w + i), change));
  }
}

@inline
export function step1(w: usize, m: usize, v: usize, g: f32): void {
  const mi = <f32>beta1 * load<f32>(m) + <f32>(1 - beta1) * g;
  const vi = <f32>beta2 * load<f32>(v) + <f32>(1 - beta2) * g * g;
  store<f32>(m, mi);
  store<f32>(v, vi);
  store<f32>(w, load<f32>(w) - (stepSize * mi) / (sqrt<f32>(vi) + stepEpsilon));
}
