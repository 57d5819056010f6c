/** A set of row numbers, as a bitmap. */
export class RowSet {
  private words = new Uint32Array(1 << 10);

  /** Number of rows in it. */
  get size(): number {
    return countBits(this.words);
  }

  /** @param words bit b of word w stands for row 32 w + b */
  add(words: Uint32Array): void {
    this.reserve(words.length);
    const own = this.words;
    for (let w = 0; w < words.length; w++) if (words[w] !== 0) own[w] |= words[w];
  }

  /** Removes and returns all of them, ascending. */
  take(): Uint32Array {
    const { words } = this;
    const rows = new Uint32Array(this.size);
    let count = 0;
    for (let w = 0; w < words.length; w++) {
      for (let word = words[w]; word !== 0; word &= word - 1) rows[count++] = w * 32 + (31 - Math.clz32(word & -word));
    }
    words.fill(0);
    return rows;
  }

  private reserve(words: number): void {
    if (words <= this.words.length) return;
    const grown = new Uint32Array(Math.max(words, 2 * this.words.length));
    grown.set(this.words);
    this.words = grown;
  }
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
