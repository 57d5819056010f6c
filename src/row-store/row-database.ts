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

/** Where what is served beside rows lies, and where in the log (or of which checkpoint) all of it is; with it rows that are not in their tables yet. */
const STATE = Buffer.from("state");
/** Rows written in one go: about three milliseconds. */
const AT_ONCE = 100;
/** More are written for so many milliseconds at a time. */
const SLICE_MS = 1;

/** How a database is held. */
export interface Holding {
  /** Of rows in memory. */
  readonly cacheBytes: number;
  /** Where other servers' rows of the same model may be. */
  readonly shared?: RowCache | undefined;
}

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
  /** Rows that are kept with the state, which they leave in the end. */
  private unwritten: { readonly rows: Iterator<void> & Iterable<void>; readonly end: () => void } | null = null;
  /** Bytes of rows that may still come into memory. */
  private room: number;
  private readonly shared: RowCache | undefined;
  /** By which others know the same rows; null while they are written. */
  private version: string | null = null;

  private constructor(path: string, root: RootDatabase, { cacheBytes, shared }: Holding) {
    this.path = path;
    this.root = root;
    this.state = openTable(root, "state");
    this.room = cacheBytes;
    this.shared = shared;
  }

  /**
   * Opens the database in a directory, made where it is missing.
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
    return this.shared?.over(rows, name, () => this.version) ?? rows;
  }

  takeRoom(bytes: number): boolean {
    if (this.room < bytes) return false;
    this.room -= bytes;
    return true;
  }

  /**
   * Writes an update, and what is served beside its rows from then on, as a whole. Many rows are kept with the state at first, read from there,
   * and written into their tables while others go on.
   * @param state of what is served beside the rows, and of rows that are kept with it
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
    this.unwritten = { rows: this.laid(tables), end: () => put(whole) };
    this.goOn();
  }

  /** Writes rows that nothing is answered by yet: a few at a time, others go on in between. @throws as `write` */
  async load({ tables }: Pick<ServingState, "tables">): Promise<void> {
    this.version = null;
    const rows = this.laid(tables);
    while (this.slice(rows)) await new Promise((resolve) => setImmediate(resolve));
  }

  /** The rows that are kept with the state, a few at a time; where that fails they stay there, until the next change. */
  private goOn(): void {
    setImmediate(() => {
      const { unwritten } = this;
      if (!unwritten || this.closed || this.givenUp) return;
      quietly(() => {
        if (this.slice(unwritten.rows)) this.goOn();
        else this.writeAll();
      });
    });
  }

  /** All of them that are left. */
  private writeAll(): void {
    const { unwritten } = this;
    if (this.givenUp) throw damaged(`${this.path}: a row is not as it was written`);
    if (!unwritten) return;
    this.transaction(() => {
      for (const _ of unwritten.rows);
      unwritten.end();
    });
    this.unwritten = null;
    for (const rows of this.tables.values()) rows.letGo();
  }

  /** Takes steps for a moment, in one transaction. @returns whether there may be more */
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
    if (this.givenUp) throw damaged(`${this.path}: a row is not as it was written`);
    try {
      this.root.transactionSync(step);
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
    // What cannot be written stays with the state.
    quietly(() => this.writeAll());
    this.closed = true;
    await this.root.close();
  }
}

/** Whoever has applied the same entries, or loaded the same checkpoint, has the same rows: a link is a hash of all before it. */
function versionOf(frame: Frame): string {
  const { run, epoch, number, link } = readKept(frame);
  return `${run}/${epoch}/${number}/${link}`;
}

const countOf = (tables: readonly ServingRows[]) =>
  tables.reduce((sum, { keys, removed }) => sum + keys.length + removed.length, 0);
