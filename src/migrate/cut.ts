import { checkArguments } from "../core/arguments.js";
import { type Dims, shortenSpec } from "../spec/cut.js";
import type { RowChunk } from "../tables/row-store.js";
import { type RewriteReport, type Rewritten, rewriteCheckpoint } from "./rewrite.js";

/** What to cut, to what length, and where to write it. */
export interface CutOptions {
  /** A run's directory or one checkpoint's. */
  readonly checkpoint: string;
  /** Components to keep, by field or table; `all` is every nested table. */
  readonly dims: Dims;
  /** Directory of the new run. */
  readonly out: string;
}

/** The result of a cut: the tables whose rows were shortened, and their components. */
export interface CutReport extends RewriteReport {
  /** The tables whose rows are shorter now. */
  readonly tables: readonly CutTable[];
}

/** A table whose rows are shorter now. */
export interface CutTable extends Rewritten {
  /** Components of a row before. */
  readonly from: number;
  /** Components of a row now. */
  readonly to: number;
}

/**
 * Writes a model with nested vectors with shorter rows: each table keeps as many components as the longest prefix its fields
 * are cut to. It scores like the whole model with these `dims`: bit for bit if rows are f32.
 * @throws HashbrookError checkpoint_missing, checkpoint_damaged, output_exists; usage if there are no such prefixes
 */
export async function cutCheckpoint(options: CutOptions): Promise<CutReport> {
  checkArguments("cutCheckpoint", options, { checkpoint: "path", dims: "dims", out: "path" });
  const { checkpoint, dims, out } = options;
  const cuts: { from: number; to: number }[] = [];
  const report = await rewriteCheckpoint(checkpoint, out, (from) => {
    const to = shortenSpec(from, dims);
    const tables = [...to.tables.keys()].filter((t) => to.tables[t].padded_dim !== undefined);
    return {
      to,
      tables: tables.map((table) => {
        const whole = from.tables[table].dim;
        const short = to.tables[table].dim;
        cuts.push({ from: whole, to: short });
        return { table, rows: (chunk) => shortened(chunk, whole, short) };
      }),
    };
  });
  return { ...report, tables: report.tables.map((table, i) => ({ ...table, ...cuts[i] })) };
}

function shortened({ keys, weights }: RowChunk, whole: number, short: number): RowChunk {
  const kept = new Float32Array(keys.length * short);
  for (let r = 0; r < keys.length; r++) kept.set(weights.subarray(r * whole, r * whole + short), r * short);
  return { keys, weights: kept };
}
