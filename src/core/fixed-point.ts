/** value ÷ 10^places in plain notation, with all its digits but no zeros at its end. */
export function fixedPoint(value: bigint, places: number): string {
  const digits = String(value < 0n ? -value : value).padStart(places + 1, "0");
  const behind = digits.slice(digits.length - places).replace(/0+$/, "");
  const whole = `${value < 0n ? "-" : ""}${digits.slice(0, digits.length - places)}`;
  return places === 0 || behind === "" ? whole : `${whole}.${behind}`;
}

/** An integer from its two's complement in bytes, the highest first; 0 if there are none. */
export function twosComplement(bytes: Uint8Array): bigint {
  return BigInt.asIntN(
    8 * bytes.length,
    bytes.reduce((high, byte) => (high << 8n) | BigInt(byte), 0n),
  );
}

/** The largest power of ten that a double holds exactly. */
const EXACT_PLACES = 22;

/** value ÷ 10^places as a number, rounded once; a whole number keeps all its digits if `places` is at most 0. */
export function scaledNumber(value: number | bigint, places: number): number | bigint {
  if (places <= 0) return BigInt(value) * 10n ** BigInt(-places);
  const near = Number(value);
  // A division of two exact numbers rounds once.
  if (Number.isSafeInteger(near) && places <= EXACT_PLACES) return near / 10 ** places;
  return Number(fixedPoint(BigInt(value), places));
}
