import { join } from "node:path";
import { systemClock } from "../core/clock.js";
import { type Files, nodeFiles, quietly } from "../core/files.js";
import { type Frame, openFrames, sealFrame } from "../delta-log/frame.js";
import { readKept } from "../delta-log/kept-frame.js";
import type { ServingRows, ServingState } from "../delta-log/state.js";
import type { KeptRows, RowKeeper } from "../tables/kept-rows.js";
import type { StoreSpec } from "../tables/spec.js";
import { damaged, failure } from "./failures.js";
import { type Database, openDatabase, openTable, type RootDatabase } from "./lmdb.js";
import { checkFile } from "./meta-pages.js";
import type { RowCache } from "./row-cache.js";
import { StoredRows } from "./stored-rows.js";

/**
 * The key of what is served beside rows, with its position in the log (or its checkpoint), and of rows that are not in their
 * tables yet.
 */
const STATE = Buffer.from("state");
/** Number of rows written at once: about three milliseconds. */
const AT_ONCE = 100;
/** Larger updates are written for this many milliseconds at a time. */
const SLICE_MS = 1;

/** Options of an open database. */
export interface Holding {
  /** Memory for cached rows, in bytes. */
  readonly cacheBytes: number;
  /** A cache shared with other servers of the same model. */
  readonly shared?: RowCache | undefined;
}

/** Rows stored with the state: those of `rows` are still to be moved into their tables, then `end` ends the move. */
interface Unwritten {
  readonly tables: readonly ServingRows[];
  readonly rows: Iterator<void> & Iterable<void>;
  readonly end: () => void;
}

/** One model's rows on disk, and what is served beside them, in the state of one transaction. */
export class RowDatabase implements RowKeeper {
  readonly path: string;
  private readonly root: RootDatabase;
  private readonly state: Database;
  private readonly tables = new Map<string, StoredRows>();
  /** The stores whose rows it keeps. */
  readonly stores: StoreSpec[] = [];
  closed = false;
  /** A damaged row was found. */
  private givenUp = false;
  /** Rows that are still stored with the state, to be moved into their tables. */
  private unwritten: Unwritten | null = null;
  /** Bytes of rows that may still be loaded into memory. */
  private room: number;
  private readonly shared: RowCache | undefined;
  /** Identifies the current rows for the shared cache; null while they are being written. */
  private version: string | null = null;

  private constructor(path: string, root: RootDatabase, { cacheBytes, shared }: Holding) {
    this.path = path;
    this.root = root;
    this.state = openTable(root, "state");
    this.room = cacheBytes;
    this.shared = shared;
  }

  /**
   * Opens the database in a directory, creating it if missing.
   * @throws HashbrookError row_store_damaged; row_store_write; runtime_unavailable
   */
  static async open(path: string, holding: Holding, files: Files = nodeFiles): Promise<RowDatabase> {
    try {
      checkFile(join(path, "data.mdb"), files);
      return new RowDatabase(path, await openDatabase(path), holding);
    } catch (error) {
      throw failure(path, error);
    }
  }

  /**
   * What is served beside the rows, as a frame of the delta log; null if it was never complete. @throws HashbrookError
   * row_store_damaged
   */
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
    return this.shared?.over(rows, name, () => this.version) ?? rows;
  }

  takeRoom(bytes: number): boolean {
    if (this.room < bytes) return false;
    this.room -= bytes;
    return true;
  }

  /**
   * Writes an update, and what is served beside its rows from then on, atomically. Large updates are first stored as a whole
   * with the state, read from there, and moved into their tables gradually.
   * @param state makes the state of what is served beside the rows, and of rows stored with it
   * @throws HashbrookError row_store_write, row_store_damaged, and nothing has changed
   */
  write(states: readonly ServingState[], state: (rows: readonly ServingRows[]) => Frame): void {
    this.version = null;
    this.writeAll();
    this.replace(states, state);
    if (this.shared) this.version = versionOf(state([]));
  }

  private replace(states: readonly ServingState[], state: (rows: readonly ServingRows[]) => Frame): void {
    const tables = states.flatMap((one) => one.tables);
    const put = (frame: Frame) => this.state.putSync(STATE, Buffer.from(sealFrame(frame)));
    if (countOf(tables) <= AT_ONCE) {
      this.transaction(() => {
        for (const _ of this.laid(tables));
        put(state([]));
      });
      return;
    }
    this.transaction(() => put(state(tables)));
    for (const one of tables) this.tables.get(one.name)!.hold(one);
    const whole = state([]);
    this.unwritten = { tables, rows: this.laid(tables), end: () => put(whole) };
    this.goOn();
  }

  /** Writes rows of a model that does not answer yet: a few at a time, letting other work go in between. @throws as `write` */
  async load({ tables }: Pick<ServingState, "tables">): Promise<void> {
    this.version = null;
    const rows = this.laid(tables);
    while (this.slice(rows)) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Moves rows stored with the state, a few at a time; if that fails they stay there, until the next change. */
  private goOn(): void {
    setImmediate(() => {
      const { unwritten } = this;
      if (!unwritten || this.closed || this.givenUp) return;
      quietly(() => {
        if (this.moving(({ rows }) => this.slice(rows))) this.goOn();
        else this.writeAll();
      });
    });
  }

  /** Moves all that are left. */
  private writeAll(): void {
    const { unwritten } = this;
    if (this.givenUp) throw damaged(`${this.path}: a row does not match its checksum`);
    if (!unwritten) return;
    this.moving(({ rows, end }) =>
      this.transaction(() => {
        for (const _ of rows);
        end();
      }),
    );
    this.unwritten = null;
    for (const rows of this.tables.values()) rows.letGo();
  }

  /** Moves rows; if it fails, all of them are moved again: none of the failed transaction's are in their tables. */
  private moving<T>(step: (unwritten: Unwritten) => T): T {
    const unwritten = this.unwritten!;
    try {
      return step(unwritten);
    } catch (error) {
      this.unwritten = { ...unwritten, rows: this.laid(unwritten.tables) };
      throw error;
    }
  }

  /** Runs steps for a moment, in one transaction. @returns whether there may be more */
  private slice(steps: Iterator<void>): boolean {
    let more = true;
    this.transaction(() => {
      const until = systemClock.now() + SLICE_MS;
      do more = !steps.next().done;
      while (more && systemClock.now() < until);
    });
    return more;
  }

  private *laid(tables: readonly ServingRows[]): Generator<void> {
    for (const { name, removed, keys, weights } of tables) {
      const rows = this.tables.get(name)!;
      yield* rows.remove(removed);
      yield* rows.put(keys, weights);
    }
  }

  private transaction(step: () => void): void {
    if (this.givenUp) throw damaged(`${this.path}: a row does not match its checksum`);
    try {
      this.root.transactionSync(step);
    } catch (error) {
      throw failure(this.path, error);
    }
  }

  /** Makes it unusable for a restart: its successor is loaded anew, at the next entry of the log or when a server starts. */
  private giveUp(): void {
    if (!this.givenUp) this.state.removeSync(STATE);
    this.givenUp = true;
  }

  async close(): Promise<void> {
    // What cannot be written stays with the state.
    quietly(() => this.writeAll());
    this.closed = true;
    await this.root.close();
  }
}

/**
 * Servers that have applied the same entries, or loaded the same checkpoint, have the same rows: a link is a hash of everything
 * before it.
 */
function versionOf(frame: Frame): string {
  const { run, epoch, number, link } = readKept(frame);
  return `${run}/${epoch}/${number}/${link}`;
}

const countOf = (tables: readonly ServingRows[]) =>
  tables.reduce((sum, { keys, removed }) => sum + keys.length + removed.length, 0);
