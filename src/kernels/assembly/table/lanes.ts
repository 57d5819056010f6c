// Small loops over rows of floats. Sums over lanes are always ((0 + 1) + (2 + 3)), so that all variants agree bit for
// bit.

@inline
export function sumLanes(x: v128): f32 {
  return f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1) + (f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3));
}

/** to[count] = from[count], floats. */
@inline
export function copyFloats(to: usize, from: usize, count: u32): void {
  const bytes = (<usize>count) << 2;
  const whole = bytes & ~15;
  let i: usize = 0;
  for (; i < whole; i += 16) v128.store(to + i, v128.load(from + i));
  for (; i < bytes; i += 4) store<f32>(to + i, load<f32>(from + i));
}

/** to[count] += from[count]. */
@inline
export function addFloats(to: usize, from: usize, count: u32): void {
  const bytes = (<usize>count) << 2;
  const whole = bytes & ~15;
  let i: usize = 0;
  for (; i < whole; i += 16) v128.store(to + i, f32x4.add(v128.load(to + i), v128.load(from + i)));
  for (; i < bytes; i += 4) store<f32>(to + i, load<f32>(to + i) + load<f32>(from + i));
}

/** to[count] += c * from[count]. */
@inline
export function addScaled(to: usize, from: usize, count: u32, c: f32): void {
  const bytes = (<usize>count) << 2;
  const whole = bytes & ~15;
  const cs = f32x4.splat(c);
  let i: usize = 0;
  for (; i < whole; i += 16) v128.store(to + i, f32x4.add(v128.load(to + i), f32x4.mul(cs, v128.load(from + i))));
  for (; i < bytes; i += 4) store<f32>(to + i, load<f32>(to + i) + c * load<f32>(from + i));
}

/** The sum of squares of `count` floats; not finite if they are not finite, or far too large to square. */
export function squares(g: usize, count: u32): f32 {
  const bytes = (<usize>count) << 2;
  const whole = bytes & ~15;
  let sums = f32x4.splat(0);
  let i: usize = 0;
  for (; i < whole; i += 16) sums = f32x4.add(sums, f32x4.mul(v128.load(g + i), v128.load(g + i)));
  let sum = sumLanes(sums);
  for (; i < bytes; i += 4) sum += load<f32>(g + i) * load<f32>(g + i);
  return sum;
}

/** Limit of a gradient that is applied: the squares of larger ones would soon overflow. */
export const MOST: f32 = 1e15;

/**
 * True if every one of `count` floats is a gradient that an optimizer can square: |g| <= 1e15. False for NaN and
 * infinity.
 */
@inline
export function usable(g: usize, count: u32): bool {
  return within(g, count, MOST);
}

/** True when |g| <= limit for every one of `count` floats. False for NaN. */
export function within(g: usize, count: u32, limit: f32): bool {
  const bytes = (<usize>count) << 2;
  const whole = bytes & ~15;
  const most = f32x4.splat(limit);
  let good = i32x4.splat(-1);
  let i: usize = 0;
  for (; i < whole; i += 16) good = v128.and(good, f32x4.le(f32x4.abs(v128.load(g + i)), most));
  if (!i32x4.all_true(good)) return false;
  for (; i < bytes; i += 4) if (!(abs<f32>(load<f32>(g + i)) <= limit)) return false;
  return true;
}
