import { eachGiven } from "./given-rows.js";
import type { RowStore } from "./row-store.js";

/** Rows of a store: their keys or numbers, and f32[keys × dim]. */
interface Rows {
  readonly keys: BigUint64Array;
  readonly weights: Float32Array;
}

/** Rows compared at a time. */
const CHUNK = 4096;
const NONE = 0xffffffff;

/** Compares a store with rows that arrive in chunks; the store must not change meanwhile. */
export class StoreDifference {
  private readonly store: RowStore;
  /** A bit per row of the store: whether it has arrived. */
  private readonly came: Uint8Array;

  constructor(store: RowStore) {
    this.store = store;
    this.came = new Uint8Array(Math.ceil(store.capacity / 8));
  }

  /** Those of the given rows that are missing from the store or differ in any bit, at the store's precision. */
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

  /** The keys or numbers of the store's rows that have not arrived. */
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

  /** Positions of the given rows that differ. Marks the store's rows among them as arrived. */
  private different(rows: Rows): number[] {
    const { store, came } = this;
    const different: number[] = [];
    eachGiven(store, rows, (at, count, given, from) => {
      store.kernel.compareRows(at, count, given, store.layout.dim);
      const found = new Uint32Array(store.memory.buffer, at, count * 2);
      for (let i = 0; i < count; i++) {
        const row = found[2 * i];
        const same = found[2 * i + 1];
        if (row !== NONE) came[row >> 3] |= 1 << (row & 7);
        if (same === 0) different.push(from + i);
      }
    });
    return different;
  }
}
