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
    const size: usize = c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    if (c < 0xC2 || c > 0xF4 || p + size > end) return false;
    const second: u32 = load<u8>(p, 1);
    const low: u32 = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
    const high: u32 = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
    if (second < low || second > high) return false;
    for (let i: usize = 2; i < size; i++) {
      if ((load<u8>(p + i) & 0xC0) != 0x80) return false;
    }
    p += size;
  }
  return true;
}
