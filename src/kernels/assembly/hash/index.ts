// XXH64 of bytes that arrive in pieces. The host keeps the state of each hash and restores it before the next piece.
import { crc32c } from "./crc32c";
import { finish, merge, round, xxh64 } from "../scan/xxh64";

const P1: u64 = 0x9e3779b185ebca87;
const P2: u64 = 0xc2b2ae3d27d4eb4f;
const P5: u64 = 0x27d4eb2f165667c5;

/** Four accumulators, number of bytes so far, seed, and the bytes of an incomplete block of 32. */
export const stateAt: usize = memory.data(80, 16);
const TOTAL: usize = 32;
const SEED: usize = 40;
const tail: usize = stateAt + 48;
/** Address of a piece's bytes. */
export const inputAt: usize = (__heap_base + 15) & ~15;

/** XXH64 of `size` bytes at `inputAt`. */
export function hash(size: u32, seed: u64): u64 {
  return xxh64(inputAt, size, seed);
}

/** CRC-32C of the preceding bytes, whose checksum is `crc`, and of `size` bytes at `inputAt`. */
export function crc(size: u32, crc: u32): u32 {
  return crc32c(inputAt, size, crc);
}

/** Initialises a state. */
export function start(seed: u64): void {
  store<u64>(stateAt, seed + P1 + P2, 0);
  store<u64>(stateAt, seed + P2, 8);
  store<u64>(stateAt, seed, 16);
  store<u64>(stateAt, seed - P1, 24);
  store<u64>(stateAt, 0, TOTAL);
  store<u64>(stateAt, seed, SEED);
}

/** Adds `size` bytes at `inputAt`. */
export function update(size: u32): void {
  const before = load<u64>(stateAt, TOTAL);
  store<u64>(stateAt, before + size, TOTAL);
  const filled = <usize>before & 31;
  let p = inputAt;
  const end = p + size;
  if (filled + size < 32) return memory.copy(tail + filled, p, size);
  if (filled > 0) {
    memory.copy(tail + filled, p, 32 - filled);
    blocks(tail, tail + 32);
    p += 32 - filled;
  }
  p = blocks(p, end);
  memory.copy(tail, p, end - p);
}

/** The hash of all bytes added. */
export function digest(): u64 {
  const total = load<u64>(stateAt, TOTAL);
  const start = total < 32 ? load<u64>(stateAt, SEED) + P5 : merged();
  return finish(start + total, tail, tail + (<usize>total & 31));
}

/** Adds the whole blocks of [at, end); returns the address of the remainder. */
function blocks(at: usize, end: usize): usize {
  let p = at;
  let a = load<u64>(stateAt),
    b = load<u64>(stateAt, 8),
    c = load<u64>(stateAt, 16),
    d = load<u64>(stateAt, 24);
  while (p + 32 <= end) {
    a = round(a, load<u64>(p));
    b = round(b, load<u64>(p, 8));
    c = round(c, load<u64>(p, 16));
    d = round(d, load<u64>(p, 24));
    p += 32;
  }
  store<u64>(stateAt, a);
  store<u64>(stateAt, b, 8);
  store<u64>(stateAt, c, 16);
  store<u64>(stateAt, d, 24);
  return p;
}

function merged(): u64 {
  const a = load<u64>(stateAt),
    b = load<u64>(stateAt, 8),
    c = load<u64>(stateAt, 16),
    d = load<u64>(stateAt, 24);
  const hash = rotl(a, 1) + rotl(b, 7) + rotl(c, 12) + rotl(d, 18);
  return merge(merge(merge(merge(hash, a), b), c), d);
}
