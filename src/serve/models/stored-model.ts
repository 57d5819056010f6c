import { blocksOf } from "../../checkpoints/lazy-blocks.js";
import { openCheckpoint } from "../../checkpoints/store.js";
import { batchLayout } from "../../core/batch.js";
import { HashbrookError } from "../../core/errors.js";
import { decodePart } from "../../delta-log/entry.js";
import { keptFrame } from "../../delta-log/kept-frame.js";
import type { KeptPlace } from "../../delta-log/live.js";
import type { ServingState } from "../../delta-log/state.js";
import { rowsOfCheckpoint } from "../../model/checkpoint-rows.js";
import { createModel } from "../../model/create.js";
import { rereading, specOf } from "../../model/load.js";
import type { Model } from "../../model/model.js";
import type { RowDatabase } from "../../row-store/row-database.js";
import type { RowDirectory } from "../../row-store/row-directory.js";
import type { CompiledSpec } from "../../spec/compiled.js";
import { specHash } from "../../spec/hash.js";
import type { ServingPrecision } from "../../tables/table.js";
import { qualityOf } from "../live/quality.js";
import { CAPACITY, ScoringModel, snapshotSpec } from "../scoring-model.js";
import type { HostedCheckpoint } from "../threads/host.js";

/** Epoch of a stored state that is a checkpoint's, and has no log writer. */
const NO_LOG = -1;

/** True if the stored state is one of a log, and not a checkpoint's. */
export const isOfLog = ({ epoch }: KeptPlace): boolean => epoch !== NO_LOG;

/** Where a model's rows are stored, and their precision in memory. */
export interface Storing {
  readonly directory: RowDirectory;
  readonly precision: ServingPrecision | undefined;
}

/**
 * A serving model whose rows are stored on disk. A change is stored first, in one transaction with its position in the
 * log, so that the process may end at any time; if storing fails, nothing has changed.
 */
export class StoredModel extends ScoringModel {
  private readonly database: RowDatabase;
  private readonly directory: RowDirectory;

  private constructor(spec: CompiledSpec, model: Model, database: RowDatabase, directory: RowDirectory) {
    super(spec, model);
    this.database = database;
    this.directory = directory;
  }

  /** @param kept whether to use the rows that an earlier server stored; else the store is emptied */
  static async over(spec: CompiledSpec, { directory, precision }: Storing, kept: boolean): Promise<StoredModel> {
    const database = await directory.database(kept);
    try {
      const layout = batchLayout(spec, CAPACITY);
      const options = { layout, threads: 1, purpose: "serve", servingPrecision: precision, keeper: database } as const;
      return new StoredModel(spec, await createModel(spec, options), database, directory);
    } catch (error) {
      await directory.release(database);
      throw error;
    }
  }

  /**
   * The model of a snapshot, using the stored rows if the log is followed from their state.
   * @throws HashbrookError log_mismatch
   */
  static ofSnapshot(spec: unknown, run: string, storing: Storing): Promise<StoredModel> {
    const { kept } = storing.directory;
    return StoredModel.over(snapshotSpec(spec, run), storing, kept !== null && isOfLog(kept));
  }

  /**
   * A checkpoint's model, of which only a chunk is in memory at a time; if the stored state is that checkpoint's, it is
   * used.
   * @throws HashbrookError checkpoint_missing | checkpoint_damaged | row_store_mismatch | row_store_write
   */
  static ofCheckpoint(path: string, storing: Storing): Promise<HostedCheckpoint> {
    return rereading(() => StoredModel.load(path, storing));
  }

  private static async load(path: string, storing: Storing): Promise<HostedCheckpoint> {
    const opened = openCheckpoint(path);
    const { checkpoint, skipped } = opened;
    const spec = specOf(opened);
    const { kept } = storing.directory;
    const link = checkpoint.chain[0].checksum;
    const run = specHash(spec);
    checkRun(storing.directory, run);
    const same = kept?.link === link && !isOfLog(kept);
    const model = await StoredModel.over(spec, storing, same);
    const { examples } = checkpoint;
    const facts = { run, number: 0, version: examples, link, epoch: NO_LOG, sent: 0, newestEvent: null, held: null };
    try {
      if (same) await model.apply([decodePart(kept.frame.body).state], examples, facts);
      else {
        for (const store of model.database.stores)
          for (const rows of rowsOfCheckpoint(checkpoint, store)) await model.database.load({ tables: [rows] });
        model.model.restoreBeside(blocksOf(checkpoint));
        await model.apply([], examples, facts);
      }
      return { model, examples, skipped, quality: qualityOf({ spec, checkpoint }) };
    } catch (error) {
      await model.close();
      throw error;
    }
  }

  override async apply(states: readonly ServingState[], _examples = 0, place?: KeptPlace): Promise<void> {
    const { serving } = this.model;
    const looked = states.map((state) => serving.prepared(state));
    if (place) this.keep(states, place);
    else for (const state of states) await this.database.load(state);
    for (const put of looked) put();
    this.changes++;
  }

  private keep(states: readonly ServingState[], place: KeptPlace): void {
    const beside = this.model.serving.beside(states);
    this.database.write(states, (tables) => keptFrame(place, this.spec, { ...beside, tables }));
    this.directory.whole(this.database);
  }

  override async close(): Promise<void> {
    await super.close();
    await this.directory.release(this.database);
  }
}

/** @throws HashbrookError row_store_mismatch if the directory contains another model's rows */
export function checkRun({ kept, path }: Pick<RowDirectory, "kept" | "path">, run: string | null): void {
  if (!kept || run === null || kept.run === run) return;
  throw new HashbrookError(
    "row_store_mismatch",
    `--row-store ${path}: holds rows of spec ${kept.run}, but the model's spec is ${run}`,
    {
      hint: "name another directory, or remove this one",
    },
  );
}
