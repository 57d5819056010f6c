import type { CheckpointContent } from "../checkpoints/checkpoint.js";
import { blocksOf } from "../checkpoints/lazy-blocks.js";
import { CheckpointStore, openCheckpoint, type Skipped } from "../checkpoints/store.js";
import { checkArguments } from "../core/arguments.js";
import { Batch, batchLayout } from "../core/batch.js";
import { HashbrookError } from "../core/errors.js";
import { canonicalJson } from "../core/hash.js";
import { Decoder } from "../decode/decoder.js";
import { specOf } from "../model/load.js";
import { openSource } from "../sources/source.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { specHash } from "../spec/hash.js";
import { loadSpec } from "../spec/parse.js";
import type { Encoding } from "../tables/encoding.js";
import { START } from "../train/stream.js";
import { decodedBatches } from "../train/text-feed.js";
import { distil, type Fit, openDistilled, storedTable, teach } from "../warm-start/distil.js";
import { storedKeys } from "../warm-start/stored-keys.js";
import { DistinctKeys } from "./distinct-keys.js";
import { checkSame, lossWarnings, type MigrationWarning, metaOf } from "./migration.js";

/** What to migrate, and where to. */
export interface MigrateOptions {
  /** A run's directory or one checkpoint's. */
  readonly checkpoint: string;
  /** The new spec, which may differ only in how tables are stored and learn. Its path, or compiled. */
  readonly model: string | CompiledSpec;
  /** Directory of the new run. */
  readonly out: string;
  /** Events whose ids are carried over, for tables that do not store their ids (all but `exact`). */
  readonly data?: string | readonly string[] | undefined;
  /** Passes over the ids, for encodings that learn the old vectors. Default 20. */
  readonly passes?: number | undefined;
  /** Called after every pass with how close a table has come to its old vectors. */
  readonly onPass?: ((table: string, fit: Fit) => void) | undefined;
}

/** The result of a migration. */
export interface MigrationReport {
  /** The checkpoint written. */
  readonly checkpoint: string;
  /** Damaged checkpoints that were skipped in favour of the one migrated, and why. */
  readonly passed_over: readonly Skipped[];
  /** Examples the model has learned. */
  readonly examples: number;
  /** Hash of the new spec, 16 hex digits. */
  readonly spec_hash: string;
  /** The tables whose encoding changed. */
  readonly tables: readonly {
    /** As the spec names it. */
    readonly name: string;
    /** Its encoding before. */
    readonly from: string;
    /** Its encoding now. */
    readonly to: string;
    /** Ids carried over. */
    readonly ids: number;
    /** Bytes of index and rows now. */
    readonly bytes: number;
    /** Root mean squared difference to the old vectors, relative to them. */
    readonly error: number;
    /** Optimizer state (FTRL's n, AdaGrad's accumulators, Adam's moments) is not carried over. */
    readonly optimizer_state: "reset";
  }[];
  /** Tables that lost much of what they had learned. */
  readonly warnings: readonly MigrationWarning[];
}

/**
 * Converts a trained model to other encodings of its tables: every id's old vector is evaluated, and the new encoding is fitted
 * to it. The optimizer state of these tables is reset. Tower, metrics and the position in the stream are kept, so `train
 * --resume` continues from there.
 * @throws checkpoint_missing, checkpoint_damaged, spec_invalid, output_exists; checkpoint_mismatch if more than encodings
 * differs
 */
export async function migrate(options: MigrateOptions): Promise<MigrationReport> {
  checkArguments("migrate", options, {
    checkpoint: "path",
    model: "spec",
    out: "path",
    data: "?files",
    passes: "?count",
    onPass: "?function",
  });
  const opened = openCheckpoint(options.checkpoint);
  const from = specOf(opened);
  const to = typeof options.model === "string" ? loadSpec(options.model) : options.model;
  checkSame(from, to, opened.checkpoint.path);
  const store = new CheckpointStore(options.out);
  if (store.latest().checkpoint)
    throw new HashbrookError("output_exists", `${options.out}: already holds a model`, { hint: "give another --out" });
  // First of all: that the folder cannot be written must not be found after the work.
  store.lock();
  try {
    return await migrated(opened, { from, to, store }, options);
  } finally {
    store.unlock();
  }
}

async function migrated(
  { checkpoint, skipped }: ReturnType<typeof openCheckpoint>,
  { from, to, store }: { readonly from: CompiledSpec; readonly to: CompiledSpec; readonly store: CheckpointStore },
  options: MigrateOptions,
): Promise<MigrationReport> {
  const seen = options.data === undefined ? null : await keysSeen(from, options.data);
  const saved = blocksOf(checkpoint);
  const done: Migrated[] = [];
  for (const [t, table] of to.tables.entries()) {
    if (canonicalJson(table) !== canonicalJson(from.tables[t]))
      done.push(await migrateTable(from, to, t, saved, seen?.[t], options));
  }
  const gone = new Set(done.flatMap((table) => table.gone));
  const kept = checkpoint.blocks.filter(({ name }) => !gone.has(name)).map(({ name }) => checkpoint.read(name));
  const blocks = [...kept, ...done.flatMap((table) => table.blocks)];
  const { examples } = checkpoint;
  const { path } = store.save(examples, { meta: metaOf(checkpoint, to), blocks });
  const tables = done.map(({ facts }) => facts);
  return {
    checkpoint: path,
    examples,
    spec_hash: specHash(to),
    tables,
    warnings: lossWarnings(tables),
    passed_over: skipped,
  };
}

interface Migrated {
  readonly facts: MigrationReport["tables"][number];
  /** Names of the old table's blocks. */
  readonly gone: readonly string[];
  readonly blocks: CheckpointContent["blocks"];
}

async function migrateTable(
  from: CompiledSpec,
  to: CompiledSpec,
  t: number,
  saved: ReturnType<typeof blocksOf>,
  seen: BigUint64Array | undefined,
  { passes = 20, onPass }: MigrateOptions,
): Promise<Migrated> {
  const { name, encoding } = to.tables[t];
  const old = await open(from, t);
  const fresh = await open(to, t);
  old.restore(saved);
  const taught = await teach(old, seen ?? knownKeys(old, name));
  const distilOptions = {
    passes,
    seed: to.seed,
    runtime: to.tower.runtime,
    onPass: (fit: Fit) => onPass?.(name, fit),
  };
  const error = await distil(fresh, storedTable(to, to.tables[t]), taught, distilOptions);
  const ids = taught.keys.length;
  const facts = {
    name,
    from: from.tables[t].encoding,
    to: encoding,
    ids,
    bytes: fresh.bytes,
    error,
    optimizer_state: "reset" as const,
  };
  const gone = old.blocks().map((block) => block.name);
  const blocks = fresh.blocks().map((block) => ({ ...block, data: block.data.slice() }));
  await old.close();
  await fresh.close();
  return { facts, gone, blocks };
}

/** A table's encoding alone. */
const open = (spec: CompiledSpec, t: number): Promise<Encoding> =>
  openDistilled(storedTable(spec, spec.tables[t]), spec.tower.runtime);

/** The ids an encoding knows: the keys of its rows. */
function knownKeys({ stores }: Encoding, name: string): BigUint64Array {
  if (stores.length > 0 && stores.every(({ keyed }) => keyed)) return storedKeys(stores);
  throw new HashbrookError("usage", `table ${name}: stores shared rows, not ids`, {
    hint: "give events that contain the ids to convert: --data FILE...",
  });
}

/** The distinct keys of every table in a stream of events. */
async function keysSeen(spec: CompiledSpec, data: string | readonly string[]): Promise<BigUint64Array[]> {
  const source = openSource(typeof data === "string" ? [data] : data);
  const decoder = new Decoder(spec, { capacity: spec.batch, requireLabel: false });
  const layout = batchLayout(spec, spec.batch);
  const sets = spec.tables.map((table, t) => new DistinctKeys(table, t, layout));
  const buffer = new ArrayBuffer(layout.bytes);
  const limit = Number.POSITIVE_INFINITY;
  const options = { start: START, epochs: 1, limit, buffer: () => buffer };
  try {
    for await (const decoded of decodedBatches(source, decoder, options)) {
      const batch = new Batch(layout, decoded.rows, decoded.buffer);
      for (const set of sets) set.add(batch);
    }
  } finally {
    await source.close();
  }
  return sets.map((set) => set.keys());
}
