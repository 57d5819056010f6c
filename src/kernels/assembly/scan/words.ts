// Words between blanks, of which vw, libsvm and libffm consist.
import { Slot } from "./plan";

@inline
export function isBlank(c: u32): bool {
  return c == 32 || c == 9;
}

@inline
export function set(slot: Slot, at: usize, end: usize, kind: u32): void {
  slot.at = at;
  slot.size = <u32>(end - at);
  slot.kind = kind;
}

/** The end of the word at p. */
export function wordEnd(at: usize, end: usize): usize {
  let p = at;
  while (p < end && !isBlank(load<u8>(p))) p++;
  return p;
}

export function blanksEnd(at: usize, end: usize): usize {
  let p = at;
  while (p < end && isBlank(load<u8>(p))) p++;
  return p;
}

export function find(at: usize, end: usize, byte: u32): usize {
  let p = at;
  while (p < end && <u32>load<u8>(p) != byte) p++;
  return p;
}
