import { checkArguments } from "../core/arguments.js";
import { HashbrookError } from "../core/errors.js";
import { kindOf } from "../encodings/index.js";
import type { CompiledSpec } from "../spec/compiled.js";
import type { RowChunk } from "../tables/row-store.js";
import { learnsByEvent } from "../towers/index.js";
import { type OpenTable, type RewriteReport, rewriteCheckpoint } from "./rewrite.js";

/** What to prune, how far, and where to write it. */
export interface PruneOptions {
  /** A run's directory or one checkpoint's. */
  readonly checkpoint: string;
  /** The share of rows to keep, above 0 and below 1. */
  readonly keep: number;
  /** Directory of the new run. */
  readonly out: string;
}

/**
 * Magnitude pruning: writes a model without the rows with the shortest vectors among all of its exact tables. Their ids are
 * then treated like new ids. The baseline for any other method of compressing a model to the same size.
 * @throws HashbrookError checkpoint_missing, checkpoint_damaged, output_exists; usage if no table has rows that can be removed
 */
export async function pruneCheckpoint(options: PruneOptions): Promise<RewriteReport> {
  checkArguments("pruneCheckpoint", options, { checkpoint: "path", keep: "number", out: "path" });
  const { checkpoint, keep, out } = options;
  return rewriteCheckpoint(checkpoint, out, async (from, open) => {
    if (!(keep > 0 && keep < 1)) throw new HashbrookError("usage", `keep ${keep}: must lie between 0 and 1`);
    const tables = prunable(from);
    const least = await lengthOf(tables, keep, open);
    const rows = (t: number) => (chunk: RowChunk) => longRows(chunk, from.tables[t].dim, least);
    return { to: from, tables: tables.map((table) => ({ table, rows: rows(table) })) };
  });
}

/** Indexes of tables with rows that can be removed. @throws HashbrookError usage if there are none */
export function prunable({ name, tables, tower }: CompiledSpec): number[] {
  const exact = [...tables.keys()].filter((t) => tables[t].role !== "wide" && ownsRows(tables[t].encoding));
  if (exact.length > 0 && !learnsByEvent(tower.kind)) return exact;
  throw new HashbrookError("usage", `${name}: has no exact embedding table whose rows could be pruned`, {
    hint: "other tables share rows between ids: reduce their rows with --model instead",
  });
}

/** True if every id has a row of its own, and may have none. */
const ownsRows = (encoding: string): boolean => kindOf(encoding).store === true && kindOf(encoding).rows === "growing";

/** The squared norm that this share of all rows reaches. */
async function lengthOf(tables: readonly number[], share: number, open: OpenTable): Promise<number> {
  const lengths: number[] = [];
  for (const t of tables) {
    const table = await open(t);
    for (const store of table.stores)
      for (const { keys, weights } of store.exportRows())
        for (let r = 0; r < keys.length; r++) lengths.push(squares(weights, r, table.dim));
    await table.close();
  }
  const sorted = Float64Array.from(lengths).sort();
  return sorted.length === 0 ? 0 : sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * (1 - share)))];
}

function longRows({ keys, weights }: RowChunk, dim: number, least: number): RowChunk {
  const kept = Array.from(keys.keys()).filter((r) => squares(weights, r, dim) >= least);
  const packed = new Float32Array(kept.length * dim);
  kept.forEach((r, i) => {
    packed.set(weights.subarray(r * dim, (r + 1) * dim), i * dim);
  });
  return { keys: BigUint64Array.from(kept, (r) => keys[r]), weights: packed };
}

function squares(weights: Float32Array, row: number, dim: number): number {
  let sum = 0;
  for (let i = row * dim; i < (row + 1) * dim; i++) sum += weights[i] * weights[i];
  return sum;
}
