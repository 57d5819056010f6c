import type { Checkpoint } from "../checkpoints/checkpoint.js";
import { blocksOf } from "../checkpoints/lazy-blocks.js";
import { openCheckpoint, type Skipped } from "../checkpoints/store.js";
import { type BatchLayout, batchLayout } from "../core/batch.js";
import { HashbrookError } from "../core/errors.js";
import { checkMemory } from "../core/memory.js";
import { compiledFromJson } from "../spec/compile.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { cutSpec, type Dims } from "../spec/cut.js";
import { specHash } from "../spec/hash.js";
import { exactIndexBytes } from "../tables/bytes.js";
import { createModel } from "./create.js";
import type { Model } from "./model.js";

/** The rows of an exact table, whose index is not in the checkpoint. */
const EXACT_ROWS = /^table\/.*\/rows$/;

/** A model ready to score, and its origin. */
export interface LoadedModel {
  readonly spec: CompiledSpec;
  /** Hash of the checkpoint's spec, whether it was cut or not. */
  readonly specHash: string;
  /** Examples it had learned. */
  readonly examples: number;
  /** The checkpoint's directory. */
  readonly path: string;
  readonly checkpoint: Checkpoint;
  /** Damaged checkpoints that were skipped. */
  readonly skipped: readonly Skipped[];
  readonly layout: BatchLayout;
  readonly model: Model;
}

/**
 * The compiled spec of a checkpoint, checked against its hash.
 * @param opened with the damaged checkpoints that were skipped, which an error also names
 * @throws HashbrookError checkpoint_damaged
 */
export function specOf({ checkpoint, skipped }: Opened): CompiledSpec {
  try {
    const spec = compiledFromJson(JSON.stringify(checkpoint.meta.spec ?? null));
    if (specHash(spec) === checkpoint.specHash) return spec;
    throw new HashbrookError(
      "checkpoint_damaged",
      `${checkpoint.path}: the hash of its spec differs from the one it was saved with`,
    );
  } catch (error) {
    throw skipped.length > 0 ? naming(skipped, error) : error;
  }
}

interface Opened {
  readonly checkpoint: Checkpoint;
  readonly skipped: readonly Skipped[];
}

function naming(skipped: readonly Skipped[], error: unknown): unknown {
  if (!(error instanceof HashbrookError)) return error;
  const before = skipped.map(({ reason }) => reason).join("; ");
  const { code, message, hint } = error;
  return new HashbrookError(code, `${message}; skipped before it: ${before}`, { hint, cause: error });
}

interface LoadOptions {
  readonly capacity: number;
  readonly threads: number;
  /** Cut nested vectors to prefixes. Default: whole vectors. */
  readonly dims?: Dims | undefined;
}

/**
 * Loads a model for scoring: no `features/` folder is needed, the checkpoint has the spec.
 * @param path a run's directory (its newest whole checkpoint) or one checkpoint's directory
 * @param options.capacity rows scored at a time
 * @throws HashbrookError checkpoint_missing | checkpoint_damaged | checkpoint_mismatch | memory_short
 */
export function loadModel(path: string, options: LoadOptions): Promise<LoadedModel> {
  return rereading(() => load(path, options));
}

/** Reads from a checkpoint; retries once, in case a running trainer replaced the checkpoint by a compacted one meanwhile. */
export async function rereading<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof HashbrookError) || error.code !== "checkpoint_damaged") throw error;
    return read();
  }
}

async function load(path: string, options: LoadOptions): Promise<LoadedModel> {
  const opened = openCheckpoint(path);
  const { checkpoint, skipped } = opened;
  const saved = specOf(opened);
  checkFits(checkpoint);
  const spec = options.dims ? cutSpec(saved, options.dims) : saved;
  const layout = batchLayout(spec, options.capacity);
  const model = await createModel(spec, { layout, threads: options.threads, purpose: "score" });
  model.restore(blocksOf(checkpoint));
  const { examples } = checkpoint;
  return { spec, specHash: specHash(saved), examples, path: checkpoint.path, checkpoint, skipped, layout, model };
}

/**
 * Refuses a checkpoint whose tables, as a trained model holds them, do not fit in memory.
 * @throws HashbrookError memory_short
 */
export function checkFits({ path, blocks, tableBytes }: Checkpoint): void {
  const exact = blocks.filter(({ name }) => EXACT_ROWS.test(name));
  checkMemory(
    path,
    exact.reduce((sum, { shape: [rows] }) => sum + exactIndexBytes(rows), tableBytes),
  );
}
