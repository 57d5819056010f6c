/** Whether [p, end) is well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF). */
export function isUtf8(at: usize, end: usize): bool {
  let p = at;
  while (p < end) {
    if (p + 16 <= end && i8x16.bitmask(v128.load(p)) == 0) {
      p += 16;
      continue;
    }
    const c: u32 = load<u8>(p);
    if (c < 0x80) {
      p++;
      continue;
    }
    const size: usize = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (c < 0xc2 || c > 0xf4 || p + size > end) return false;
    const second: u32 = load<u8>(p, 1);
    const low: u32 = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    const high: u32 = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    if (second < low || second > high) return false;
    for (let i: usize = 2; i < size; i++) {
      if ((load<u8>(p + i) & 0xc0) != 0x80) return false;
    }
    p += size;
  }
  return true;
}
