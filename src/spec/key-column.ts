import { HashbrookError } from "../core/errors.js";
import { fromHex64 } from "../core/hash.js";
import { xxh64 } from "../kernels/hash.js";
import type { CompiledSpec } from "./compiled.js";

/** Position of a field's keys in a batch: its index among the `singles` single keys per row of its table. */
export interface KeyColumn {
  readonly table: number;
  readonly cell: number;
  readonly singles: number;
  /** The key of an event that has no value. */
  readonly missing: bigint;
}

/** The keys of a batch, by table. */
export interface KeyedBatch {
  readonly rows: number;
  keys(table: number): BigUint64Array;
}

/** The position of a field's keys in batches: in the first table that embeds it. */
export function keyColumn({ tables }: CompiledSpec, field: string): KeyColumn {
  for (const [table, { cells }] of tables.entries()) {
    const singles = cells.filter(({ kind }) => kind === "single");
    const cell = singles.findIndex((single) => single.field === field);
    if (cell < 0) continue;
    return { table, cell, singles: singles.length, missing: xxh64("", fromHex64(singles[cell].seed)) };
  }
  throw new HashbrookError("internal", `no table embeds ${field}`);
}

/** u32[2 × rows], the halves of the field's keys, the lower one first; a view if its table has no other keys. */
export function keyHalves({ table, cell, singles }: KeyColumn, batch: KeyedBatch): Uint32Array {
  const keys = batch.keys(table);
  const all = new Uint32Array(keys.buffer, keys.byteOffset, 2 * keys.length);
  if (singles === 1) return all;
  const halves = new Uint32Array(2 * batch.rows);
  for (let r = 0, at = 2 * cell; r < batch.rows; r++, at += 2 * singles) {
    halves[2 * r] = all[at];
    halves[2 * r + 1] = all[at + 1];
  }
  return halves;
}
