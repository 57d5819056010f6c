import type { Calibrator } from "../calibration/calibrator.js";
import { bytesOf } from "../core/blocks.js";
import { HashbrookError } from "../core/errors.js";
import type { DenseSlice, Packed, Publishable, ServingRows, ServingState } from "../delta-log/state.js";
import type { DenseOptimizer } from "../optimizers/dense.js";
import type { StoreSpec } from "../spec/compiled.js";
import { StoreDifference } from "../tables/difference.js";
import type { RowStore, Table } from "../tables/table.js";
import type { Numbers } from "./numbers.js";
import {
  type ItemRange,
  learnedRows,
  PART_BYTES,
  type Piece,
  packedParts,
  removedRows,
  type Thing,
} from "./packed-parts.js";
import { type StagedUpdate, stagedUpdate } from "./staged-update.js";

/** The weights of a tower by name: views. */
type Weights = Readonly<Record<string, { readonly data: Float32Array }>>;

/** One reader's view of which rows of a model change. */
export interface ModelChanges {
  /** Per store the numbers of learned rows that changed since the last `take`, or since the reader was created: ascending. */
  take(): readonly Uint32Array[];
}

/** What a model predicts with, without training state: read from a trainer's model, written into a replica's. */
export class ReplicaState implements Publishable {
  private readonly stores: readonly RowStore[];
  private readonly dense: Weights;
  /** Dense weights of the tables, whose cached results depend on being told of changes. */
  private readonly inTables: readonly DenseOptimizer[];
  private readonly numbers: Numbers;
  private readonly calibrator: Calibrator | null;

  /** @param tables their content is served: their rows, store by store, and their dense weights beside the tower's */
  constructor(tables: readonly Table[], tower: Weights, numbers: Numbers, calibrator: Calibrator | null) {
    this.stores = tables.flatMap(({ stores }) => stores);
    this.inTables = tables.flatMap(({ dense }) => dense);
    this.dense = Object.assign({}, tower, ...this.inTables.map((weights) => weights.parameters()));
    this.numbers = numbers;
    this.calibrator = calibrator;
  }

  /** A new reader of changes from now on. Create at most one: packing reports removed rows only once. */
  changes(): ModelChanges {
    const readers = this.stores.map((store) => {
      store.trackRemoved();
      return store.changes();
    });
    return { take: () => readers.map((reader) => reader.take()) };
  }

  pack(changed: readonly Uint32Array[] | "all", partBytes = PART_BYTES): Packed {
    const things = [
      this.statistics(),
      ...this.calibration(),
      ...this.denseThings(),
      ...this.removed(changed === "all"),
      ...this.stores.map((store, i) => learnedRows(store, changed === "all" ? null : changed[i])),
    ];
    return packedParts(things, partBytes);
  }

  /**
   * Writes a part into a serving model.
   * @throws HashbrookError checkpoint_mismatch if it belongs to another model, and nothing has changed; table_full
   */
  apply(state: ServingState): void {
    this.prepared(state)();
  }

  /**
   * Validates a part. @returns a function that writes it, which can fail only for lack of room (table_full)
   * @throws HashbrookError checkpoint_mismatch if it belongs to another model
   */
  prepared(state: ServingState): () => void {
    const { stores, dense } = this.check(state);
    const { statistics, calibration } = state;
    return () => {
      state.tables.forEach((rows, i) => {
        stores[i].remove(rows.removed);
        stores[i].put(rows);
      });
      state.dense.forEach(({ at, data }, i) => {
        dense[i].set(data, at);
      });
      if (dense.length > 0) for (const weights of this.inTables) weights.written();
      if (calibration) this.calibrator!.use(calibration);
      if (statistics) this.numbers.use(bytesOf(statistics));
    };
  }

  /**
   * Validates the parts of an update, and makes room for what can be written while others read; readers must be told of the new
   * layout first.
   * @throws HashbrookError checkpoint_mismatch, table_full, and nothing has changed
   */
  staged(states: readonly ServingState[]): StagedUpdate {
    for (const state of states) this.check(state);
    return stagedUpdate(this.stores, states, (state) => this.prepared(state));
  }

  /**
   * The destinations of a part's rows and dense weights.
   * @throws HashbrookError checkpoint_mismatch if it belongs to another model
   */
  check({ tables, dense, statistics, calibration }: ServingState): { stores: RowStore[]; dense: Float32Array[] } {
    const places = { stores: tables.map((rows) => this.storeFor(rows)), dense: dense.map((one) => this.denseFor(one)) };
    if (calibration && !this.calibrator?.fits(calibration)) throw mismatch("calibration", calibration.values.length);
    if (statistics && !this.numbers.fits(statistics)) throw mismatch("statistics", statistics.length);
    return places;
  }

  /** Everything that is served beside rows, in one part, as it will be after these parts. */
  beside(after: readonly ServingState[]): ServingState {
    const dense = Object.entries(this.dense).map(([name, { data }]) => ({ name, at: 0, data: data.slice() }));
    for (const slice of after.flatMap((state) => state.dense))
      dense.find(({ name }) => name === slice.name)!.data.set(slice.data, slice.at);
    const statistics = after.findLast((state) => state.statistics)?.statistics ?? this.numbers.snapshot();
    const calibration = after.findLast((state) => state.calibration)?.calibration ?? this.calibrator?.snapshot();
    return { tables: [], dense, statistics, ...(calibration && { calibration }) };
  }

  /**
   * The parts to apply to this model so that it equals another one of the same spec; contains only rows that differ.
   * @param rowsOf the other's learned rows, store by store, in chunks of any size
   * @param beside what the other serves beside them
   */
  *difference(rowsOf: (store: StoreSpec) => Iterable<ServingRows>, beside: ServingState): Generator<ServingState> {
    for (const store of this.stores) {
      const difference = new StoreDifference(store);
      for (const rows of rowsOf(store.spec)) {
        this.check({ tables: [rows], dense: [], statistics: null });
        const some = difference.differing(rows);
        if (some.keys.length > 0) yield { tables: [{ ...rows, ...some }], dense: [], statistics: null };
      }
      const { name } = store.spec;
      const none = { name, dim: store.layout.dim, keys: new BigUint64Array(0), weights: new Float32Array(0) };
      yield { tables: [{ ...none, removed: difference.lacked() }], dense: [], statistics: null };
    }
    yield beside;
  }

  /** The learned rows of a store, in chunks. */
  *rowsOf({ name }: StoreSpec): Generator<ServingRows> {
    const store = this.stores.find(({ spec }) => spec.name === name)!;
    for (const rows of store.exportRows())
      yield { name, dim: store.layout.dim, ...rows, removed: new BigUint64Array(0) };
  }

  /** Bytes of everything that is served beside rows. */
  get denseBytes(): number {
    return this.besides().reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /** The owner's: publishes the current rows to readers, and writes what is served beside them. */
  tell(dense: SharedArrayBuffer): void {
    for (const { sharing } of this.stores) sharing?.tell();
    this.eachBeside(dense, (from, to) => to.set(from));
  }

  /** A reader's: takes over the current state. */
  refresh(dense: SharedArrayBuffer): void {
    for (const { sharing } of this.stores) sharing?.refresh();
    this.eachBeside(dense, (to, from) => to.set(from));
    for (const weights of this.inTables) weights.written();
  }

  /** The bytes of everything that is served beside rows, in a fixed order. */
  private besides(): Uint8Array[] {
    const arrays = [this.numbers.all, ...Object.values(this.dense).map(({ data }) => data)];
    return arrays.map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength));
  }

  private eachBeside(dense: SharedArrayBuffer, each: (own: Uint8Array, shared: Uint8Array) => void): void {
    let at = 0;
    for (const own of this.besides()) {
      each(own, new Uint8Array(dense, at, own.byteLength));
      at += own.byteLength;
    }
  }

  private statistics(): Thing {
    const statistics = this.numbers.snapshot();
    const add = (_: ItemRange, piece: Piece): void => {
      piece.statistics = statistics;
    };
    return { count: 1, unit: statistics.byteLength, add };
  }

  private calibration(): Thing[] {
    const calibration = this.calibrator?.snapshot();
    if (!calibration) return [];
    const add = (_: ItemRange, piece: Piece): void => {
      piece.calibration = calibration;
    };
    return [{ count: 1, unit: calibration.values.byteLength + calibration.totals.byteLength, add }];
  }

  private denseThings(): Thing[] {
    return Object.entries(this.dense).map(([name, { data }]) => ({
      count: data.length,
      unit: 4,
      add: ({ from, to }, piece) => void piece.dense.push({ name, at: from, data: data.slice(from, to) }),
    }));
  }

  /** Rows removed since the last request. Not needed by those who receive all rows. */
  private removed(all: boolean): Thing[] {
    const removed = this.stores.map(removedRows);
    return all ? [] : removed;
  }

  private storeFor({ name, dim, keys, weights }: ServingRows): RowStore {
    const store = this.stores.find(({ spec }) => spec.name === name);
    if (!store || store.layout.dim !== dim) throw mismatch(`table ${name}`, dim);
    if (weights.length !== keys.length * dim) throw mismatch(`table ${name}`, weights.length);
    if (!keys.every((key) => store.isKey(key))) throw mismatch(`table ${name}`, keys.length);
    return store;
  }

  private denseFor({ name, at, data }: DenseSlice): Float32Array {
    const weight = Object.hasOwn(this.dense, name) ? this.dense[name].data : undefined;
    if (!weight || at + data.length > weight.length) throw mismatch(`weight ${name}`, at + data.length);
    return weight;
  }
}

function mismatch(what: string, size: number): HashbrookError {
  return new HashbrookError("checkpoint_mismatch", `${what}: ${size} values of an update do not match this model`);
}
