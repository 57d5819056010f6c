// CRC-32C (Castagnoli), sixteen bytes per step: table k has the remainders of a byte followed by k zero bytes.
const POLYNOMIAL: u32 = 0x82f63b78;
const TABLE_BYTES: usize = 1024;
const tables: usize = memory.data(16384, 16);

for (let byte: u32 = 0; byte < 256; byte++) {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = (rest >>> 1) ^ (POLYNOMIAL & (0 - (rest & 1)));
  store<u32>(tables + 4 * byte, rest);
}
for (let k: usize = 1; k < 16; k++)
  for (let byte: usize = 0; byte < 256; byte++) {
    const before = load<u32>(tables + (k - 1) * TABLE_BYTES + 4 * byte);
    store<u32>(tables + k * TABLE_BYTES + 4 * byte, (before >>> 8) ^ entry(0, before));
  }

// @ts-ignore: decorator
@inline
function entry(k: usize, byte: u32): u32 {
  return load<u32>(tables + k * TABLE_BYTES + ((<usize>byte & 255) << 2));
}

// @ts-ignore: decorator
@inline
function four(k: usize, word: u32): u32 {
  return entry(k + 3, word) ^ entry(k + 2, word >>> 8) ^ entry(k + 1, word >>> 16) ^ entry(k, word >>> 24);
}

/** Continues `crc`, the checksum of the preceding bytes (0: none), over `size` bytes. */
export function crc32c(at: usize, size: u32, crc: u32): u32 {
  let p = at;
  const end = at + size;
  let rest = ~crc;
  for (; p + 16 <= end; p += 16)
    rest =
      four(12, load<u32>(p) ^ rest) ^ four(8, load<u32>(p, 4)) ^ four(4, load<u32>(p, 8)) ^ four(0, load<u32>(p, 12));
  for (; p < end; p++) rest = (rest >>> 8) ^ entry(0, rest ^ load<u8>(p));
  return ~rest;
}
