const MASK = 2n ** 64n - 1n;

/** The finaliser of splitmix64, on 64-bit numbers. */
export function mix(x: bigint): bigint {
  let y = ((x ^ (x >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
  y = ((y ^ (y >> 27n)) * 0x94d049bb133111ebn) & MASK;
  return y ^ (y >> 31n);
}

/** The number that `mix` makes `y` of. */
export function unmix(y: bigint): bigint {
  let x = y ^ (y >> 31n) ^ (y >> 62n);
  x = (x * 0x319642b2d24d8ec3n) & MASK;
  x = x ^ (x >> 27n) ^ (x >> 54n);
  x = (x * 0x96de1b173f119089n) & MASK;
  return x ^ (x >> 30n) ^ (x >> 60n);
}
