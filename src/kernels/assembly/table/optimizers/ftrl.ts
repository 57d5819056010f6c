// FTRL-Proximal (McMahan et al. 2013), state (z, n), weights derived when read:
//   w = 0 where |z| <= l1, else -(z - sgn(z) l1) / ((beta + sqrt(n)) / alpha + l2)
//   sigma = (sqrt(n + g^2) - sqrt(n)) / alpha;  z += g - sigma w;  n += g^2
// The group lasso over rows is group-ftrl.ts.
import { sumLanes } from "../lanes";

export let invAlpha: f32 = 0;
export let beta: f32 = 0;
export let l1: f32 = 0;
export let l2: f32 = 0;

/** sqrt(n) of a weight that is given, if without it D = 0: small beside any gradient, and representable as f16. */
const LEAST_ROOT: f32 = 1e-4;
/** D of such a weight, in multiples of t / |w|, which the first gradient of the row's other weights would add to it. */
const WELL_ABOVE: f32 = 100;

export function configure(alpha: f64, beta_: f64, l1_: f64, l2_: f64): void {
  invAlpha = <f32>(1 / alpha);
  beta = <f32>beta_;
  l1 = <f32>l1_;
  l2 = <f32>l2_;
}

@inline
export function weight1(z: f32, n: f32): f32 {
  const size = abs<f32>(z) - l1;
  if (!(size > 0)) return 0;
  const w = size / ((beta + sqrt<f32>(n)) * invAlpha + l2);
  return z > 0 ? -w : w;
}

@inline
export function update1(z: usize, n: usize, w: f32, g: f32): void {
  const before = load<f32>(n);
  const after = before + g * g;
  const sigma = (sqrt<f32>(after) - sqrt<f32>(before)) * invAlpha;
  store<f32>(z, load<f32>(z) + (g - sigma * w));
  store<f32>(n, after);
}

// The formulas for four floats take the hyper-parameters, splat over four lanes, as arguments: a loop (linear.ts) may
// keep them in locals.

/** |z| - l1 if positive, else 0. */
@inline
export function softSize(z: v128, l1: v128): v128 {
  return f32x4.pmax(f32x4.sub(f32x4.abs(z), l1), f32x4.splat(0));
}

/** D = (beta + root) / alpha + l2. */
@inline
export function divisor(root: v128, beta: v128, invAlpha: v128, l2: v128): v128 {
  return f32x4.add(f32x4.mul(f32x4.add(beta, root), invAlpha), l2);
}

/** The weights: size / D with the sign opposite to z's; 0 where size is 0. */
@inline
export function closedForm(z: v128, size: v128, d: v128): v128 {
  const sign = v128.andnot(i32x4.splat(0x80000000), z);
  return v128.and(v128.xor(f32x4.div(size, d), sign), f32x4.gt(size, f32x4.splat(0)));
}

/** z after the gradient g at weights w, where sqrt(n) changed from `before` to `after`. */
@inline
export function moved(z: v128, g: v128, w: v128, before: v128, after: v128, invAlpha: v128): v128 {
  const sigma = f32x4.mul(f32x4.sub(after, before), invAlpha);
  return f32x4.add(z, f32x4.sub(g, f32x4.mul(sigma, w)));
}

@inline
function divisorOf(root: v128): v128 {
  return divisor(root, f32x4.splat(beta), f32x4.splat(invAlpha), f32x4.splat(l2));
}

/** `closedForm` with this instance's hyper-parameters. */
@inline
export function weightsOf(z: v128, n: v128, size: v128): v128 {
  return closedForm(z, size, divisorOf(f32x4.sqrt(n)));
}

/** out[bytes / 4] = weights of (z, n). */
@inline
export function weights(z: usize, n: usize, out: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) {
    const zi = v128.load(z + i);
    v128.store(out + i, weightsOf(zi, v128.load(n + i), softSize(zi, f32x4.splat(l1))));
  }
}

@inline
export function update(z: usize, n: usize, w: usize, g: usize, bytes: usize, scale: f32): void {
  for (let i: usize = 0; i < bytes; i += 16) {
    const gi = f32x4.mul(v128.load(g + i), f32x4.splat(scale));
    const before = v128.load(n + i);
    const after = f32x4.add(before, f32x4.mul(gi, gi));
    const wi = v128.load(w + i);
    const zi = moved(v128.load(z + i), gi, wi, f32x4.sqrt(before), f32x4.sqrt(after), f32x4.splat(invAlpha));
    v128.store(z + i, zi);
    v128.store(n + i, after);
  }
}

/**
 * Converts initial weights, placed in the z section, to the state whose closed form returns them: n = 0 and z = -w (D +
 * t / |w|) - sgn(w) l1. Otherwise the first gradient would erase most of a random initial row. A zero weight starts at
 * z = 0. If D = 0, no z returns a weight other than 0: drawn weights are then 0, and `given` ones begin with a small n.
 * `count` floats; one float or a multiple of four.
 */
export function initialise(z: usize, n: usize, count: u32, t: f32, given: bool = false): void {
  const norm = lengthOf(z, count);
  const base: f32 = beta * invAlpha + l2;
  const share: f32 = t > 0 && norm > 0 ? t / norm : 0;
  const root: f32 = given && base == 0 ? LEAST_ROOT + (WELL_ABOVE * share) / invAlpha : 0;
  const d: f32 = base + root * invAlpha;
  const slope: f32 = d > 0 ? d + share : 0;
  for (let i: u32 = 0; i < count; i++) {
    const at = z + ((<usize>i) << 2);
    const w = load<f32>(at);
    store<f32>(at, w == 0 ? 0 : -copysign<f32>(abs<f32>(w) * slope + l1, w));
    store<f32>(n + ((<usize>i) << 2), w == 0 ? 0 : root * root);
  }
}

function lengthOf(w: usize, count: u32): f32 {
  if (count == 1) return abs<f32>(load<f32>(w));
  let squares = f32x4.splat(0);
  for (let i: u32 = 0; i < count; i += 4) {
    const x = v128.load(w + ((<usize>i) << 2));
    squares = f32x4.add(squares, f32x4.mul(x, x));
  }
  return sqrt<f32>(sumLanes(squares));
}

// Low-precision rows store (u, r): u = z / D(n) has the scale of a weight, as in Golovin et al. (2013), and r = sqrt(n)
// has half the exponent range. With r' the rounded root, z + g - (r' - r) / alpha w divided by D(r') is
// u' = u + (g - (r' - r) / alpha (u + w)) / D(r')
// so that w changes by -g / D(r') regardless of the rounding of r, and not at all if g = 0. If D = 0, u = 0.

/** r[bytes / 4] = sqrt(r^2 + g^2). */
export function roots(r: usize, g: usize, out: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) {
    const ri = v128.load(r + i);
    const gi = v128.load(g + i);
    v128.store(out + i, f32x4.sqrt(f32x4.add(f32x4.mul(ri, ri), f32x4.mul(gi, gi))));
  }
}

/** Updates u by the gradient g at weights w, where the root changed from `before` to `after`. */
export function scaledUpdate(u: usize, before: usize, after: usize, w: usize, g: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) {
    const ui = v128.load(u + i);
    const r = v128.load(after + i);
    const d = divisorOf(r);
    const grown = f32x4.mul(f32x4.sub(r, v128.load(before + i)), f32x4.splat(invAlpha));
    const pull = f32x4.sub(v128.load(g + i), f32x4.mul(grown, f32x4.add(ui, v128.load(w + i))));
    const step = v128.and(f32x4.div(pull, d), f32x4.gt(d, f32x4.splat(0)));
    v128.store(u + i, f32x4.add(ui, step));
  }
}

/** Converts (u, r) to (z, n). */
export function unscale(u: usize, r: usize, z: usize, n: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) {
    const ri = v128.load(r + i);
    v128.store(z + i, f32x4.mul(v128.load(u + i), divisorOf(ri)));
    v128.store(n + i, f32x4.mul(ri, ri));
  }
}

/** Converts z and n of a new row to u and r, in place. */
export function scaled(z: usize, n: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) {
    const root = f32x4.sqrt(v128.load(n + i));
    const d = divisorOf(root);
    v128.store(z + i, v128.and(f32x4.div(v128.load(z + i), d), f32x4.gt(d, f32x4.splat(0))));
    v128.store(n + i, root);
  }
}
