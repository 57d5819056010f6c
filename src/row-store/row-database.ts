import { join } from "node:path";
import { type Files, nodeFiles } from "../core/files.js";
import { type Frame, openFrames, sealFrame } from "../delta-log/frame.js";
import type { ServingState } from "../delta-log/state.js";
import type { KeptRows, RowKeeper } from "../tables/kept-rows.js";
import type { StoreSpec } from "../tables/spec.js";
import { damaged, failure } from "./failures.js";
import { type Database, openDatabase, openTable, type RootDatabase } from "./lmdb.js";
import { checkFile } from "./meta-pages.js";
import { StoredRows } from "./stored-rows.js";

/** Where what is served beside rows lies, and where in the log (or of which checkpoint) all of it is. */
const STATE = Buffer.from("state");

/** One model's rows on disk, and what is served beside them: as one transaction has left them. */
export class RowDatabase implements RowKeeper {
  readonly path: string;
  private readonly root: RootDatabase;
  private readonly state: Database;
  private readonly tables = new Map<string, StoredRows>();
  /** Of the stores whose rows it keeps. */
  readonly stores: StoreSpec[] = [];
  closed = false;
  /** A row was found damaged. */
  private givenUp = false;
  /** Bytes of rows that may still come into memory. */
  private room: number;

  private constructor(path: string, root: RootDatabase, cacheBytes: number) {
    this.path = path;
    this.root = root;
    this.state = openTable(root, "state");
    this.room = cacheBytes;
  }

  /**
   * Opens the database in a directory, made where it is missing.
   * @param cacheBytes of rows in memory
   * @throws HashbrookError row_store_damaged; row_store_write; runtime_unavailable
   */
  static async open(path: string, cacheBytes: number, files: Files = nodeFiles): Promise<RowDatabase> {
    try {
      checkFile(join(path, "data.mdb"), files);
      return new RowDatabase(path, await openDatabase(path), cacheBytes);
    } catch (error) {
      throw failure(path, error);
    }
  }

  /** What is served beside the rows, as a frame of the delta log; null where it was never whole. @throws HashbrookError row_store_damaged */
  get kept(): Frame | null {
    try {
      const bytes = this.state.getBinary(STATE);
      return bytes ? [...openFrames(bytes)][0] : null;
    } catch (error) {
      throw damaged(this.path, error);
    }
  }

  rowsOf(spec: StoreSpec): KeptRows {
    const { name, dim } = spec;
    this.stores.push(spec);
    const rows = new StoredRows(name, dim, openTable(this.root, `rows/${name}`), () => this.giveUp());
    this.tables.set(name, rows);
    return rows;
  }

  takeRoom(bytes: number): boolean {
    if (this.room < bytes) return false;
    this.room -= bytes;
    return true;
  }

  /**
   * Writes the rows of an update, and what is served beside them from then on, in one transaction.
   * @param state null: it is not whole yet
   * @throws HashbrookError row_store_write, row_store_damaged, and nothing has changed
   */
  write(states: readonly ServingState[], state: Frame | null): void {
    if (this.givenUp) throw damaged(`${this.path}: a row is not as it was written`);
    try {
      this.root.transactionSync(() => {
        for (const { name, removed, keys, weights } of states.flatMap(({ tables }) => tables)) {
          const rows = this.tables.get(name)!;
          rows.remove(removed);
          rows.put(keys, weights);
        }
        if (state) this.state.putSync(STATE, Buffer.from(sealFrame(state)));
      });
    } catch (error) {
      throw failure(this.path, error);
    }
  }

  /** Nobody will go on from it: what takes its place is loaded anew, at the next entry of the log or when a server starts. */
  private giveUp(): void {
    if (!this.givenUp) this.state.removeSync(STATE);
    this.givenUp = true;
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.root.close();
  }
}
