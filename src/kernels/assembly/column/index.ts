// Kernel module `column`: columns of decoded events ⇄ sections of an event cache's blocks (docs/FORMATS.md, "Event
// cache"). A section is a header of 16 bytes, its values, and a code for every element; values and codes are each
// padded to a multiple of 16 bytes.
import { xxh64 } from "../scan/xxh64";

export { cross } from "./cross";
export { pack } from "./pack";
export { sum, spread, unpack } from "./unpack";

/** The first free byte of the memory. */
export function heapBase(): usize {
  return __heap_base;
}

/** XXH64 (seed 0) of `size` bytes at `at`. May read up to 8 bytes more. */
export function hash(at: usize, size: u32): u64 {
  return xxh64(at, size, 0);
}
