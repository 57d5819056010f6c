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
