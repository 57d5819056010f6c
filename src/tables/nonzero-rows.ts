import type { RowChunk } from "./row-store.js";

/** The rows of chunks with any nonzero weight: those that FTRL's l1 or the group lasso has not emptied. */
export function* nonZeroRows(chunks: Iterable<RowChunk>, dim: number): Generator<RowChunk> {
  for (const { keys, weights } of chunks) {
    const kept = [...keys.keys()].filter((row) => weights.subarray(row * dim, (row + 1) * dim).some((w) => w !== 0));
    if (kept.length === 0) continue;
    const some = new Float32Array(kept.length * dim);
    kept.forEach((row, i) => {
      some.set(weights.subarray(row * dim, (row + 1) * dim), i * dim);
    });
    yield { keys: BigUint64Array.from(kept, (row) => keys[row]), weights: some };
  }
}
