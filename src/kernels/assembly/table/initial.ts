// A new row's weights: weight i is the (i + 1)-th output of the splitmix64 generator (Steele et al. 2014) started at
// id ^ table seed, where id is the key (exact tables) or the row number (hash tables); its top 24 bits u give
// init * (2u + 1 - 2^24) / 2^24, which is inside (-init, init), is symmetric around 0 and never 0.

export const GOLDEN: u64 = 0x9e3779b97f4a7c15;
const HALF_STEP: f32 = 1.0 / 16777216.0;

/** The finaliser of splitmix64: a bijection of 64-bit numbers. */
@inline
export function mix(x: u64): u64 {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

/** Writes the initial weights of identity `id` to `out`: `dim` floats, then zeros up to `lanes`. */
export function drawWeights(id: u64, seed: u64, init: f32, dim: u32, lanes: u32, out: usize): void {
  let state = id ^ seed;
  for (let i: u32 = 0; i < dim; i++) {
    state += GOLDEN;
    const odd: i32 = 2 * <i32>(mix(state) >> 40) + 1 - (1 << 24);
    store<f32>(out + ((<usize>i) << 2), init * (f32(odd) * HALF_STEP));
  }
  for (let i = dim; i < lanes; i++) store<f32>(out + ((<usize>i) << 2), 0);
}
