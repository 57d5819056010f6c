import type { CheckpointContent } from "../checkpoints/checkpoint.js";
import { blocksOf } from "../checkpoints/lazy-blocks.js";
import { CheckpointStore, openCheckpoint, type Skipped } from "../checkpoints/store.js";
import { HashbrookError } from "../core/errors.js";
import { specOf } from "../model/load.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { specHash } from "../spec/hash.js";
import type { Encoding } from "../tables/encoding.js";
import type { RowChunk } from "../tables/row-store.js";
import { openDistilled } from "../warm-start/distil.js";
import { metaOf } from "./migration.js";

/** A table whose rows are rewritten. */
export interface RewrittenTable {
  /** Its index in the spec. */
  readonly table: number;
  /** Converts some of its rows. */
  readonly rows: (chunk: RowChunk) => RowChunk;
}

/** The result for a rewritten table. */
export interface Rewritten {
  /** As the spec names it. */
  readonly name: string;
  /** Rows before. */
  readonly rows_before: number;
  /** Rows now. */
  readonly rows: number;
  /** Bytes before. */
  readonly bytes_before: number;
  /** Bytes now. */
  readonly bytes: number;
}

/** The result of rewriting a checkpoint. */
export interface RewriteReport {
  /** The checkpoint written. */
  readonly checkpoint: string;
  /** Damaged checkpoints that were skipped in favour of the one read, and why. */
  readonly passed_over: readonly Skipped[];
  /** Examples the model has learned. */
  readonly examples: number;
  /** Hash of the new spec, 16 hex digits. */
  readonly spec_hash: string;
  /** The rewritten tables. */
  readonly tables: readonly Rewritten[];
}

/** How a checkpoint is rewritten. */
interface Rewriting {
  /** The new spec. */
  readonly to: CompiledSpec;
  readonly tables: readonly RewrittenTable[];
}

/** Opens the rows of a model's tables, before anything is written. */
export type OpenTable = (table: number) => Promise<Encoding>;

/**
 * Rewrites some tables of a checkpoint from its rows; their optimizer state is reset. The rest stays as it is.
 * @param plan receives the spec, and a function to open tables; returns what to do
 * @throws HashbrookError checkpoint_missing, checkpoint_damaged, output_exists
 */
export async function rewriteCheckpoint(
  path: string,
  out: string,
  plan: (from: CompiledSpec, open: OpenTable) => Rewriting | Promise<Rewriting>,
): Promise<RewriteReport> {
  const opened = openCheckpoint(path);
  const { checkpoint, skipped } = opened;
  const from = specOf(opened);
  const saved = blocksOf(checkpoint);
  const open = async (t: number) => {
    const table = await openDistilled(from.tables[t], from.tower.runtime);
    table.restore(saved);
    return table;
  };
  const { to, tables } = await plan(from, open);
  const store = new CheckpointStore(out);
  if (store.latest().checkpoint)
    throw new HashbrookError("output_exists", `${out}: already holds a model`, { hint: "give another --out" });
  const done = [];
  for (const table of tables) done.push(await rewriteTable(to, table, await open(table.table)));
  const gone = new Set(done.flatMap((table) => table.gone));
  const kept = checkpoint.blocks.filter(({ name }) => !gone.has(name) && !name.startsWith("nested/"));
  const meta = metaOf(checkpoint, to);
  const blocks = [...kept.map(({ name }) => checkpoint.read(name)), ...done.flatMap((table) => table.blocks)];
  store.lock();
  try {
    const { examples } = checkpoint;
    const written = store.save(examples, { meta, blocks });
    const facts = done.map((table) => table.facts);
    return { checkpoint: written.path, passed_over: skipped, examples, spec_hash: specHash(to), tables: facts };
  } finally {
    store.unlock();
  }
}

async function rewriteTable(to: CompiledSpec, { table, rows }: RewrittenTable, old: Encoding) {
  const spec = to.tables[table];
  const fresh = await openDistilled(spec, to.tower.runtime);
  const count = { rows_before: 0, rows: 0 };
  old.stores.forEach((store, i) => {
    for (const chunk of store.exportRows()) {
      const written = rows(chunk);
      if (written.keys.length > 0) fresh.stores[i].plant(written);
      count.rows_before += chunk.keys.length;
      count.rows += written.keys.length;
    }
  });
  const facts: Rewritten = { name: spec.name, ...count, bytes_before: old.bytes, bytes: fresh.bytes };
  const gone = old.blocks().map(({ name }) => name);
  const blocks: CheckpointContent["blocks"] = fresh.blocks().map((block) => ({ ...block, data: block.data.slice() }));
  await old.close();
  await fresh.close();
  return { facts, gone, blocks };
}
