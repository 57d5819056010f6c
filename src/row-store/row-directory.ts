import { join } from "node:path";
import { systemProcesses, WriterLock } from "../checkpoints/lock.js";
import { checkArguments } from "../core/arguments.js";
import { HashbrookError } from "../core/errors.js";
import { type Files, nodeFiles, outputError, quietly } from "../core/files.js";
import { type KeptState, readKept } from "../delta-log/kept-frame.js";
import { damaged } from "./failures.js";
import type { RowCache } from "./row-cache.js";
import { type Holding, RowDatabase } from "./row-database.js";

/** How a row store is opened. */
export interface RowStoreOptions {
  /** Memory for recently used rows, in bytes. Default 1 GiB. */
  readonly cacheBytes?: number | undefined;
  /** A cache shared by several scorers. Default: none. */
  readonly shared?: RowCache | undefined;
  /** Called with messages for the operator that are reported nowhere else. */
  readonly tell?: (text: string) => void;
}

const CACHE_BYTES = 1 << 30;

/**
 * A server's directory for models' rows, instead of memory: one database per model, in numbered folders. There are two while
 * one model replaces another.
 */
export class RowDirectory {
  /** The directory, as given. */
  readonly path: string;
  private readonly lock: WriterLock;
  private readonly holding: Holding;
  private readonly tell: (text: string) => void;
  private readonly files: Files;
  private next = 1;
  private left: RowDatabase | null = null;
  /** The newest complete database. */
  private newest: RowDatabase | null = null;

  private constructor(
    path: string,
    lock: WriterLock,
    { cacheBytes = CACHE_BYTES, shared, tell = () => {} }: RowStoreOptions,
  ) {
    this.path = path;
    this.lock = lock;
    this.holding = { cacheBytes, shared };
    this.tell = tell;
    this.files = nodeFiles;
  }

  /**
   * Opens it, creating it if missing. A complete database of an earlier server is reused; an incomplete one is removed.
   * @throws HashbrookError row_store_locked if another server has it; row_store_write; runtime_unavailable
   */
  static async open(path: string, options: RowStoreOptions = {}): Promise<RowDirectory> {
    checkArguments("RowDirectory.open", { path }, { path: "path" });
    const directory = new RowDirectory(path, lockOf(path), options);
    try {
      await directory.look();
      return directory;
    } catch (error) {
      await directory.close();
      throw error;
    }
  }

  /** The state left by an earlier server; null if there is none. @internal */
  get kept(): KeptState | null {
    return this.left && this.stateOf(this.left);
  }

  /** The database left by an earlier server, once; then a new one. @internal */
  async database(kept: boolean): Promise<RowDatabase> {
    const { left } = this;
    this.left = null;
    if (kept && left) return left;
    if (left) await this.discard(left);
    return RowDatabase.open(join(this.path, String(this.next++)), this.holding);
  }

  /** A database is complete: the one before it may be removed. @internal */
  whole(database: RowDatabase): void {
    const { newest } = this;
    this.newest = database;
    if (newest && newest !== database && newest.closed) this.files.remove(newest.path);
  }

  /** Closes a database; it stays on disk if it is the one to restart from. @internal */
  async release(database: RowDatabase): Promise<void> {
    if (database === this.newest) await database.close();
    else await this.discard(database);
  }

  /** Releases the directory for another server; its models must be closed before. */
  async close(): Promise<void> {
    await this.left?.close();
    quietly(() => this.lock.release());
  }

  /** Finds the complete database, and removes the rest. */
  private async look(): Promise<void> {
    const numbers = this.files
      .list(this.path)
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
    this.next = Math.max(0, ...numbers) + 1;
    for (const number of numbers.sort((a, b) => b - a)) {
      const path = join(this.path, String(number));
      const database = this.left ? null : await this.openWhole(path);
      if (database) this.left = database;
      else this.files.remove(path);
    }
    this.newest = this.left;
  }

  private async openWhole(path: string): Promise<RowDatabase | null> {
    let database: RowDatabase | undefined;
    try {
      database = await RowDatabase.open(path, this.holding);
      if (this.stateOf(database)) return database;
    } catch (error) {
      if (!(error instanceof HashbrookError) || error.code !== "row_store_damaged") throw error;
      this.tell(`${error.message}; rebuilding it`);
    }
    // A removed file keeps its space on the disk while it is open.
    await database?.close();
    return null;
  }

  private stateOf(database: RowDatabase): KeptState | null {
    const frame = database.kept;
    try {
      return frame && readKept(frame);
    } catch (error) {
      throw damaged(`${database.path}: ${(error as Error).message}`, error);
    }
  }

  private async discard(database: RowDatabase): Promise<void> {
    await database.close();
    this.files.remove(database.path);
  }
}

function lockOf(path: string): WriterLock {
  try {
    return new WriterLock(path, nodeFiles, systemProcesses);
  } catch (error) {
    const locked = error instanceof HashbrookError && error.code === "checkpoint_locked";
    if (!locked) {
      const { message, hint } = outputError(`--row-store ${path}`, error);
      throw new HashbrookError("row_store_write", message, { cause: error, ...(hint !== undefined && { hint }) });
    }
    throw new HashbrookError("row_store_locked", `--row-store ${path}: in use by another server: ${error.message}`, {
      hint: "use a separate directory for every server",
    });
  }
}
