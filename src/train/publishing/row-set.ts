import { changedRows } from "../../tables/changed-rows.js";

/** Row numbers, each once. */
export class RowSet {
  private words = new Uint32Array(1 << 10);
  private count = 0;

  /** How many there are. */
  get size(): number {
    return this.count;
  }

  /** @param rows ascending */
  add(rows: Uint32Array): void {
    if (rows.length === 0) return;
    this.reserve((rows[rows.length - 1] >>> 5) + 1);
    const { words } = this;
    let { count } = this;
    for (const row of rows) {
      const word = words[row >>> 5];
      const bit = 1 << (row & 31);
      if ((word & bit) === 0) count++;
      words[row >>> 5] = word | bit;
    }
    this.count = count;
  }

  /** Takes all of them out, ascending. */
  take(): Uint32Array {
    this.count = 0;
    return changedRows(new Uint8Array(this.words.buffer));
  }

  private reserve(words: number): void {
    if (words <= this.words.length) return;
    const grown = new Uint32Array(Math.max(words, 2 * this.words.length));
    grown.set(this.words);
    this.words = grown;
  }
}
