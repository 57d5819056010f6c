/**
 * Takes the numbers of the bits that are set, ascending, and clears them.
 * @param bitmap little-endian bits, a multiple of 4 bytes at a multiple of 4
 */
export function changedRows(bitmap: Uint8Array): Uint32Array {
  const words = new Uint32Array(bitmap.buffer, bitmap.byteOffset, bitmap.byteLength / 4);
  const rows = new Uint32Array(countBits(words));
  let count = 0;
  for (let w = 0; w < words.length; w++) {
    for (let word = words[w]; word !== 0; word &= word - 1) rows[count++] = w * 32 + (31 - Math.clz32(word & -word));
  }
  words.fill(0);
  return rows;
}

function countBits(words: Uint32Array): number {
  let count = 0;
  for (const word of words) {
    if (word === 0) continue;
    let bits = word - ((word >>> 1) & 0x55555555);
    bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
    count += (((bits + (bits >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
  }
  return count;
}
