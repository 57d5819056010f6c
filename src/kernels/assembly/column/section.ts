// The section format, shared by pack and unpack.

/** One value for all elements, and no codes. */
export const CONSTANT: u32 = 0;
/** Codes of 4, 8 or 16 bits are indices of values; values are in the order of their first occurrences. */
export const NIBBLES: u32 = 1;
export const BYTES: u32 = 2;
export const WORDS: u32 = 3;
/** Every element uncompressed. */
export const RAW: u32 = 4;
/** Two values, a minimum and a step: a code of 8, 16 or 32 bits is the number of steps above the minimum. */
export const STEPS_8: u32 = 5;
export const STEPS_16: u32 = 6;
export const STEPS_32: u32 = 7;
/** Codec 8, OPAQUE: bytes that only the host reads. Codec 9, CROSS: keys that are computed, not stored (cross.ts). */

/**
 * Kind of elements that are integers of a narrow range, as u32 or f64; elements of other kinds are only compared for
 * equality.
 */
export const WHOLE: u32 = 1;

/** The header before a section's values. */
@unmanaged
export class Head {
  /** Codec: CONSTANT … OPAQUE. */
  codec: u8;
  /** Bytes per element: 4 or 8. */
  width: u8;
  /** WHOLE, or 0. */
  kind: u8;
  pad: u8;
  /** Number of elements; of bytes, if OPAQUE. */
  count: u32;
  /** Number of values that codes refer to. */
  values: u32;
  /** Bytes of values and codes together, padding included. */
  size: u32;
}
export const HEAD_BYTES: usize = offsetof<Head>();

@inline
export function filled(bytes: usize): usize {
  return (bytes + 15) & ~15;
}

/** Bytes of `count` codes. */
export function codeBytes(codec: u32, width: u32, count: usize): usize {
  if (codec == NIBBLES) return (count + 1) >> 1;
  if (codec == BYTES || codec == STEPS_8) return count;
  if (codec == WORDS || codec == STEPS_16) return count << 1;
  if (codec == STEPS_32) return count << 2;
  return codec == RAW ? count * width : 0;
}
