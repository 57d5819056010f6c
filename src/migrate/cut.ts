import { blocksOf } from "../checkpoints/lazy-blocks.js";
import { CheckpointStore, openCheckpoint, type Skipped } from "../checkpoints/store.js";
import { HashbrookError } from "../core/errors.js";
import { specOf } from "../model/load.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { type Dims, shortenSpec } from "../spec/cut.js";
import { specHash } from "../spec/hash.js";
import type { RowChunk } from "../tables/row-store.js";
import { openDistilled } from "../warm-start/distil.js";

/** What to cut, to what, and where to. */
export interface CutOptions {
  /** A run's directory or one checkpoint's. */
  readonly checkpoint: string;
  /** Components to keep, by field or table; `all` is every nested table. */
  readonly dims: Dims;
  /** Directory of the new run. */
  readonly out: string;
}

/** What a cut left. */
export interface CutReport {
  /** The checkpoint written. */
  readonly checkpoint: string;
  /** Damaged checkpoints that were passed over on the way to the one cut, and why. */
  readonly passed_over: readonly Skipped[];
  /** Examples the model has learned. */
  readonly examples: number;
  /** Of the cut model's spec, 16 hex digits. */
  readonly spec_hash: string;
  /** The tables whose rows are shorter now. */
  readonly tables: readonly {
    /** As the spec names it. */
    readonly name: string;
    /** Components of a row before. */
    readonly from: number;
    /** Components of a row now. */
    readonly to: number;
    /** Rows carried over. */
    readonly rows: number;
    /** Bytes before. */
    readonly bytes_before: number;
    /** Bytes now. */
    readonly bytes: number;
  }[];
}

/**
 * Writes a model of nested vectors anew with shorter rows: each table has as many components as the longest prefix its fields are
 * cut to. It scores as the whole model does with these `dims`: bit for bit where rows are f32.
 * @throws HashbrookError checkpoint_missing, checkpoint_damaged, output_exists; usage where there are no such prefixes
 */
export async function cutCheckpoint({ checkpoint: path, dims, out }: CutOptions): Promise<CutReport> {
  const opened = openCheckpoint(path);
  const { checkpoint, skipped } = opened;
  const from = specOf(opened);
  const to = shortenSpec(from, dims);
  const store = new CheckpointStore(out);
  if (store.latest().checkpoint)
    throw new HashbrookError("output_exists", `${out}: already holds a model`, { hint: "give another --out" });
  const saved = blocksOf(checkpoint);
  const cut: Awaited<ReturnType<typeof cutRows>>[] = [];
  for (const [t, table] of to.tables.entries())
    if (table.padded_dim !== undefined) cut.push(await cutRows(from, to, t, saved));
  const gone = new Set(cut.flatMap((table) => table.gone));
  const kept = checkpoint.blocks.filter(({ name }) => !gone.has(name) && !name.startsWith("nested/"));
  const meta = { ...checkpoint.meta, spec: to, spec_hash: specHash(to), rejected_bytes: 0 };
  const blocks = [...kept.map(({ name }) => checkpoint.read(name)), ...cut.flatMap((table) => table.blocks)];
  store.lock();
  try {
    const written = store.save(checkpoint.examples, { meta: JSON.parse(JSON.stringify(meta)), blocks });
    const tables = cut.map(({ facts }) => facts);
    const { examples } = checkpoint;
    return { checkpoint: written.path, passed_over: skipped, examples, spec_hash: specHash(to), tables };
  } finally {
    store.unlock();
  }
}

async function cutRows(from: CompiledSpec, to: CompiledSpec, t: number, saved: ReturnType<typeof blocksOf>) {
  const { runtime } = to.tower;
  const old = await openDistilled(from.tables[t], runtime);
  const fresh = await openDistilled(to.tables[t], runtime);
  old.restore(saved);
  const [whole, short] = [from.tables[t].dim, to.tables[t].dim];
  let rows = 0;
  old.stores.forEach((store, i) => {
    for (const chunk of store.exportRows()) {
      fresh.stores[i].plant(shortened(chunk, whole, short));
      rows += chunk.keys.length;
    }
  });
  const facts = {
    name: to.tables[t].name,
    from: whole,
    to: short,
    rows,
    bytes_before: old.bytes,
    bytes: fresh.bytes,
  };
  const gone = old.blocks().map(({ name }) => name);
  const blocks = fresh.blocks().map((block) => ({ ...block, data: block.data.slice() }));
  await old.close();
  await fresh.close();
  return { facts, gone, blocks };
}

function shortened({ keys, weights }: RowChunk, whole: number, short: number): RowChunk {
  const kept = new Float32Array(keys.length * short);
  for (let r = 0; r < keys.length; r++) kept.set(weights.subarray(r * whole, r * whole + short), r * short);
  return { keys, weights: kept };
}
