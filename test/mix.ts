const MASK = 2n ** 64n - 1n;

/** The finaliser of splitmix64, on 64-bit numbers. */
export function mix(x: bigint): bigint {
  let y = ((x ^ (x >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
  y = ((y ^ (y >> 27n)) * 0x94d049bb133111ebn) & MASK;
  return y ^ (y >> 31n);
}
