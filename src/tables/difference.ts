import { eachGiven } from "./given-rows.js";
import type { RowStore } from "./row-store.js";

/** Rows of a store: what they are known by, and f32[keys × dim]. */
interface Rows {
  readonly keys: BigUint64Array;
  readonly weights: Float32Array;
}

/** Rows looked at together. */
const CHUNK = 4096;
const NONE = 0xffffffff;

/** How a store differs from rows that come piece by piece: it is not changed meanwhile. */
export class StoreDifference {
  private readonly store: RowStore;
  /** A bit for each of the store's rows: it has come. */
  private readonly came: Uint8Array;

  constructor(store: RowStore) {
    this.store = store;
    this.came = new Uint8Array(Math.ceil(store.capacity / 8));
  }

  /** Of some rows those that the store lacks or would hold otherwise, to the bit, in the precision it has. */
  differing(rows: Rows): Rows {
    const { keys, weights } = rows;
    const { dim } = this.store.layout;
    const different = this.different(rows);
    const some = new Float32Array(different.length * dim);
    different.forEach((i, to) => {
      some.set(weights.subarray(i * dim, (i + 1) * dim), to * dim);
    });
    return { keys: BigUint64Array.from(different, (i) => keys[i]), weights: some };
  }

  /** What the rows of the store are known by that have not come. */
  lacked(): BigUint64Array {
    const { store, came } = this;
    const lacked: bigint[] = [];
    for (let from = 0; ; ) {
      const rows = store.rowsFrom(from, CHUNK);
      if (rows.length === 0) return BigUint64Array.from(lacked);
      for (const row of rows) if (!(came[row >> 3] & (1 << (row & 7)))) lacked.push(store.keyOf(row));
      from = rows[rows.length - 1] + 1;
    }
  }

  /** Which of some rows differ, by their places. Those that the store has, the same or otherwise, have come. */
  private different(rows: Rows): number[] {
    const { store, came } = this;
    const different: number[] = [];
    eachGiven(store, rows, (at, count, given, from) => {
      store.kernel.compareRows(at, count, given, store.layout.dim);
      const found = new Uint32Array(store.memory.buffer, at, count * 2);
      for (let i = 0; i < count; i++) {
        const [row, same] = [found[2 * i], found[2 * i + 1]];
        if (row !== NONE) came[row >> 3] |= 1 << (row & 7);
        if (same === 0) different.push(from + i);
      }
    });
    return different;
  }
}
