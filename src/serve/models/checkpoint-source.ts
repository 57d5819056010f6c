import { blocksOf } from "../../checkpoints/lazy-blocks.js";
import { openCheckpoint, type Skipped } from "../../checkpoints/store.js";
import { batchLayout } from "../../core/batch.js";
import type { ServingRows, ServingState } from "../../delta-log/state.js";
import { rowCountOf, rowsOfCheckpoint } from "../../model/checkpoint-rows.js";
import { createModel } from "../../model/create.js";
import { loadModel, rereading, specOf } from "../../model/load.js";
import type { CompiledSpec, StoreSpec } from "../../spec/compiled.js";
import type { Dims } from "../../spec/cut.js";
import { qualityOf, type ServedQuality } from "../live/quality.js";

/** A checkpoint's model for serving, with rows read on demand, so that little of it is in memory at a time. */
export interface CheckpointSource {
  readonly spec: CompiledSpec;
  /** The checkpoint's directory. */
  readonly path: string;
  readonly examples: number;
  readonly skipped: readonly Skipped[];
  readonly quality: ServedQuality | null;
  /** Number of a store's learned rows. */
  rowCount(store: StoreSpec): number;
  /** A store's learned rows, in chunks. */
  rowsOf(store: StoreSpec): Iterable<ServingRows>;
  /** Everything that is served, except the rows. */
  readonly beside: ServingState;
  close(): Promise<void>;
}

/**
 * Opens a checkpoint for serving, and passes it to `use`; retries once, in case a running trainer replaced the
 * checkpoint by a compacted one meanwhile.
 * @param path a run's directory (its newest intact checkpoint) or one checkpoint's directory
 * @param dims prefixes that nested vectors are cut to: the model is then loaded whole
 * @throws HashbrookError checkpoint_missing | checkpoint_damaged | checkpoint_mismatch
 */
export function withCheckpoint<T>(
  path: string,
  dims: Dims | undefined,
  use: (source: CheckpointSource) => Promise<T>,
): Promise<T> {
  return rereading(() => using(path, dims, use));
}

async function using<T>(
  path: string,
  dims: Dims | undefined,
  use: (source: CheckpointSource) => Promise<T>,
): Promise<T> {
  const source = dims ? await wholeSource(path, dims) : await pieces(path);
  try {
    return await use(source);
  } finally {
    await source.close();
  }
}

async function wholeSource(path: string, dims: Dims): Promise<CheckpointSource> {
  const loaded = await loadModel(path, { capacity: 1, threads: 1, dims });
  const { spec, path: at, examples, skipped, model } = loaded;
  const { serving, tables } = model;
  const stores = new Map(tables.flatMap((table) => table.stores.map((store) => [store.spec.name, store])));
  const rowsOf = (store: StoreSpec) => serving.rowsOf(store);
  return {
    spec,
    path: at,
    examples,
    skipped,
    quality: qualityOf(loaded),
    rowCount: ({ name }) => stores.get(name)!.rows,
    rowsOf,
    beside: serving.beside([]),
    close: () => model.close(),
  };
}

async function pieces(path: string): Promise<CheckpointSource> {
  const opened = openCheckpoint(path);
  const { checkpoint, skipped } = opened;
  const spec = specOf(opened);
  // It has no rows of its own: it reads everything else from the checkpoint.
  const empty = await createModel(spec, { layout: batchLayout(spec, 1), threads: 1, purpose: "hold" });
  empty.restoreBeside(blocksOf(checkpoint));
  const beside = empty.serving.beside([]);
  await empty.close();
  const rowCount = (store: StoreSpec) => rowCountOf(checkpoint, store);
  const rowsOf = (store: StoreSpec) => rowsOfCheckpoint(checkpoint, store);
  const quality = qualityOf({ spec, checkpoint });
  const { path: at, examples } = checkpoint;
  return { spec, path: at, examples, skipped, quality, rowCount, rowsOf, beside, close: async () => {} };
}
