/** Exponents of the table, as in the kernel (number.ts). */
const MIN_POWER = -64;
const MAX_POWER = 40;

const WORD = 64n;
const LOW = (1n << WORD) - 1n;
const TOP = 1n << 128n;

/**
 * 5^power scaled to 128 bits with the highest bit set: truncated, but rounded up from -27 to -1, where a product can be
 * exact.
 */
function normalized(power: number): bigint {
  const five = 5n ** BigInt(Math.abs(power));
  const bits = BigInt(five.toString(2).length);
  if (power >= 0) return (five << 128n) >> bits;
  if (power >= -27) return (1n << (bits + 127n)) / five + 1n;
  let value = (1n << (2n * bits + 128n)) / five + 1n;
  while (value >= TOP) value >>= 1n;
  return value;
}

/** The powers of five that exact number parsing multiplies by (Lemire 2021): pairs of high and low word. */
export function powersOfFive(): BigUint64Array {
  const words: bigint[] = [];
  for (let power = MIN_POWER; power <= MAX_POWER; power++) {
    const value = normalized(power);
    words.push(value >> WORD, value & LOW);
  }
  return BigUint64Array.from(words);
}
