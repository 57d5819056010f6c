import type { Part } from "./packed-arrays.js";

/** Sums of gradients: f32 numbers, or bf16 numbers as their upper 16 bits (halves), as they are sent. */
export type Sums = Float32Array | Uint16Array;

const EXPONENT = 0x7f80_0000;
const UPPER = 0xffff_0000;

/**
 * Rounds finite numbers in place to the nearest finite bf16 (the upper half of an f32; ties to even). Halves are bf16
 * already and stay.
 */
export function roundToBf16(values: Sums): void {
  if (values instanceof Uint16Array) return;
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) {
    const nearest = (bits[i] + 0x7fff + ((bits[i] >>> 16) & 1)) & UPPER;
    bits[i] = (nearest & EXPONENT) === EXPONENT ? bits[i] & UPPER : nearest;
  }
}

/** The upper halves of f32 numbers that are exact bf16 values. @param halves where to write them; default: a new array */
export function packBf16(values: Float32Array, halves: Uint16Array = new Uint16Array(values.length)): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) halves[i] = bits[i] >>> 16;
  return halves;
}

export function unpackBf16(halves: Uint16Array): Float32Array {
  const bits = new Uint32Array(halves.length);
  for (let i = 0; i < bits.length; i++) bits[i] = halves[i] << 16;
  return new Float32Array(bits.buffer);
}

/** Sums as f32 numbers; copied only if they are halves. */
export const floatsOf = (sums: Sums): Float32Array => (sums instanceof Uint16Array ? unpackBf16(sums) : sums);

/** Sums to be packed as halves; their values must be bf16 already. */
export function halvesOf(sums: Sums): Uint16Array | Part {
  if (sums instanceof Uint16Array) return sums;
  const { length } = sums;
  const write = ({ buffer, byteOffset }: Uint8Array) => {
    packBf16(sums, new Uint16Array(buffer, byteOffset, length));
  };
  return { kind: "u16", length, write };
}
