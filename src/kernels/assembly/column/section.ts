// What both directions know of a section.

/** One value, and no codes. */
export const CONSTANT: u32 = 0;
/** Codes of 4, 8 or 16 bits say which of the values it is; values stand in the order of their first elements. */
export const NIBBLES: u32 = 1;
export const BYTES: u32 = 2;
export const WORDS: u32 = 3;
/** Every element as it is. */
export const RAW: u32 = 4;
/** Two values, a least number and a step: a code of 8, 16 or 32 bits says how many steps above it the number is. */
export const STEPS_8: u32 = 5;
export const STEPS_16: u32 = 6;
export const STEPS_32: u32 = 7;
/** 8: bytes that only the host reads. */

/** Elements that are whole numbers near each other, as u32 or f64; of others nothing but equality is known. */
export const WHOLE: u32 = 1;

/** Before a section's values. */
@unmanaged
export class Head {
  /** CONSTANT … OPAQUE. */
  codec: u8;
  /** Bytes of an element: 4 or 8. */
  width: u8;
  /** WHOLE, or 0. */
  kind: u8;
  pad: u8;
  /** Elements; of an OPAQUE one bytes. */
  count: u32;
  /** Values that the codes choose among. */
  values: u32;
  /** Bytes of values and codes together, filled up. */
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
