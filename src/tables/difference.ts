import type { RowStore } from "./row-store.js";

/** Rows of a store: what they are known by, and f32[keys × dim]. */
interface Rows {
  readonly keys: BigUint64Array;
  readonly weights: Float32Array;
}

/** Rows looked at together. */
const CHUNK = 4096;
const NONE = 0xffffffff;

/** Of some rows those that a store lacks or has otherwise, to the bit. */
export function differing(store: RowStore, { keys, weights }: Rows): Rows {
  const { dim } = store.layout;
  const different = [...keys.keys()].filter((i) => !holds(store, keys[i], weights.subarray(i * dim, (i + 1) * dim)));
  const some = new Float32Array(different.length * dim);
  different.forEach((i, to) => {
    some.set(weights.subarray(i * dim, (i + 1) * dim), to * dim);
  });
  return { keys: BigUint64Array.from(different, (i) => keys[i]), weights: some };
}

/** What rows of a store are known by that another one lacks. */
export function lackedBy(other: RowStore, store: RowStore): BigUint64Array {
  const lacked: bigint[] = [];
  for (let from = 0; ; ) {
    const rows = store.rowsFrom(from, CHUNK);
    if (rows.length === 0) return BigUint64Array.from(lacked);
    for (const key of store.weightsOfRows(rows).keys) if (!has(other, key)) lacked.push(key);
    from = rows[rows.length - 1] + 1;
  }
}

function has({ kernel }: RowStore, key: bigint): boolean {
  const row = kernel.rowOf(key) >>> 0;
  return row !== NONE && kernel.isTouched(row) === 1;
}

function holds(store: RowStore, key: bigint, weights: Float32Array): boolean {
  return has(store, key) && store.weightsOf(key).every((weight, i) => Object.is(weight, weights[i]));
}
