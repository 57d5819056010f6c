// XXH64 (Yann Collet, xxHash specification): the hash that identifies every value.
const P1: u64 = 0x9e3779b185ebca87;
const P2: u64 = 0xc2b2ae3d27d4eb4f;
const P3: u64 = 0x165667b19e3779f9;
const P4: u64 = 0x85ebca77c2b2ae63;
const P5: u64 = 0x27d4eb2f165667c5;

@inline
export function round(lane: u64, word: u64): u64 {
  return rotl(lane + word * P2, 31) * P1;
}

@inline
export function merge(hash: u64, lane: u64): u64 {
  return (hash ^ round(0, lane)) * P1 + P4;
}

@inline
function avalanche(hash: u64): u64 {
  let h = hash;
  h ^= h >> 33;
  h *= P2;
  h ^= h >> 29;
  h *= P3;
  return h ^ (h >> 32);
}

@inline
function byte(hash: u64, p: usize): u64 {
  return rotl(hash ^ (<u64>load<u8>(p) * P5), 11) * P1;
}

@inline
function word(hash: u64, p: usize): u64 {
  return rotl(hash ^ (<u64>load<u32>(p) * P1), 23) * P2 + P3;
}

/** The last 0..31 bytes [p, end), then the avalanche. */
@inline
export function finish(start: u64, at: usize, end: usize): u64 {
  let hash = start;
  let p = at;
  while (p + 8 <= end) {
    hash = rotl(hash ^ round(0, load<u64>(p)), 27) * P1 + P4;
    p += 8;
  }
  if (p + 4 <= end) {
    hash = word(hash, p);
    p += 4;
  }
  while (p < end) hash = byte(hash, p++);
  return avalanche(hash);
}

/** 0..7 bytes. Their number is nearly random: selecting among results costs less than a mispredicted branch. */
@inline
function tiny(start: u64, at: usize, size: usize): u64 {
  const p = at + (size & 4);
  let hash = select<u64>(word(start, at), start, size & 4);
  hash = select<u64>(byte(hash, p), hash, size & 3);
  hash = select<u64>(byte(hash, p + 1), hash, size & 2);
  hash = select<u64>(byte(hash, p + 2), hash, (size & 3) == 3);
  return avalanche(hash);
}

function long(at: usize, size: usize, seed: u64): u64 {
  let p = at;
  const end = at + size;
  const lanesEnd = end - 32;
  let a = seed + P1 + P2,
    b = seed + P2,
    c = seed,
    d = seed - P1;
  do {
    a = round(a, load<u64>(p));
    b = round(b, load<u64>(p, 8));
    c = round(c, load<u64>(p, 16));
    d = round(d, load<u64>(p, 24));
    p += 32;
  } while (p <= lanesEnd);
  let hash = rotl(a, 1) + rotl(b, 7) + rotl(c, 12) + rotl(d, 18);
  hash = merge(merge(merge(merge(hash, a), b), c), d);
  return finish(hash + <u64>size, p, end);
}

/** 9..15 bytes. */
@inline
function middle(start: u64, p: usize, size: usize): u64 {
  return finish(rotl(start ^ round(0, load<u64>(p)), 27) * P1 + P4, p + 8, p + size);
}

/** 8 bytes, or none: unpredictable if ids of one length are sometimes missing. */
@inline
export function eightOrNone(p: usize, size: usize, seed: u64): u64 {
  const start = seed + P5 + <u64>size;
  const hash = rotl(start ^ round(0, load<u64>(p)), 27) * P1 + P4;
  return avalanche(select<u64>(hash, start, size));
}

/** XXH64 of `size` bytes at `p`. May read (without effect on the result) up to 8 bytes more. */
@inline
export function xxh64(p: usize, size: usize, seed: u64): u64 {
  const start = seed + P5 + <u64>size;
  if ((size & ~8) == 0) return eightOrNone(p, size, seed);
  if (size < 8) return tiny(start, p, size);
  if (size < 16) return middle(start, p, size);
  return size < 32 ? finish(start, p, p + size) : long(p, size, seed);
}
