import type { ChangedRows, Patch } from "./chain-writer.js";
import { patchRowBytes } from "./patch.js";

/**
 * Merges a patch with earlier copies of its block's rows, oldest first, keeping the newest copy of every row. Rows the
 * block no longer has are left out.
 */
export function joinRows(earlier: readonly ChangedRows[], patch: Patch): Patch {
  if (earlier.length === 0) return patch;
  const copies = [...earlier, patch];
  const newest = newestCopies(copies, patch.shape[0]);
  const rows = newest.reduce((count, copy) => count + Math.sign(copy), 0);
  const stride = patchRowBytes(patch);
  const joined = { rows: new Uint32Array(rows), data: Buffer.alloc(rows * stride) };
  const next = new Uint32Array(copies.length);
  let count = 0;
  for (let row = 0; row < newest.length; row++) {
    if (newest[row] === 0) continue;
    const copy = newest[row] - 1;
    const from = placeOf(copies[copy].rows, row, next[copy]);
    next[copy] = from + 1;
    joined.rows[count] = row;
    joined.data.set(copies[copy].data.subarray(from * stride, (from + 1) * stride), count++ * stride);
  }
  return { ...patch, ...joined };
}

/** For each row of the block up to the last one copied, 1 + the index of its newest copy, or 0. */
function newestCopies(copies: readonly ChangedRows[], size: number): Uint16Array {
  const ends = copies.map(({ rows }) => (rows.at(-1) ?? -1) + 1);
  const newest = new Uint16Array(Math.min(size, Math.max(...ends)));
  copies.forEach(({ rows }, copy) => {
    for (const row of rows) newest[row] = copy + 1;
  });
  return newest;
}

/** Index of a row among ascending rows, searching from `from`. */
function placeOf(rows: Uint32Array, row: number, from: number): number {
  let at = from;
  while (rows[at] !== row) at++;
  return at;
}
