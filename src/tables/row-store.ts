import { type Block, bytesOf, type SavedBlocks, savedNumbers } from "../core/blocks.js";
import { hashSecret } from "../core/chance.js";
import type { HashbrookError } from "../core/errors.js";
import { codecs, type RowLayout } from "../core/row-layout.js";
import { type TableKernel, tableKernel } from "../kernels/table.js";
import { type Optimizer, optimizerFor } from "../optimizers/index.js";
import type { StoreSpec } from "../spec/compiled.js";
import { ChangeFeed, type ChangeReader } from "./change-feed.js";
import { eachGiven } from "./given-rows.js";
import { type Lifecycle, openLifecycle } from "./lifecycle.js";
import { RemovedKeys } from "./removed-keys.js";
import { learnedRows, PACKED, type RowChunk, type RowState, slotsOf } from "./rows.js";
import { memoryOf, StoreSharing } from "./sharing.js";
import { GIB, layoutOf, type StoreOptions, tableFull } from "./store-options.js";

export type { RowChunk, RowState } from "./rows.js";
export { PACKED } from "./rows.js";
export { type ServingPrecision, type StoreOptions, servingPrecisions } from "./store-options.js";

/**
 * The rows of one table in a separate kernel instance, with the optimizer set up: the common part of fixed and growing
 * stores. All addresses and views become invalid after anything that may add rows.
 */
export abstract class RowStore {
  readonly spec: StoreSpec;
  /** True if rows are identified by keys, false if by row numbers. */
  readonly keyed: boolean;
  /** True if rows that others read can be replaced a few at a time (`StagedRows`). */
  readonly stages: boolean;
  /** True if all rows are in memory. */
  readonly whole: boolean = true;
  readonly optimizer: Optimizer;
  readonly layout: RowLayout;
  readonly kernel: TableKernel;
  readonly memory: WebAssembly.Memory;
  /** Admission and eviction; null if every id has a row forever, and in a replica. */
  readonly lifecycle: Lifecycle | null;
  /** null: not shared with other threads. */
  readonly sharing: StoreSharing | null;
  private readonly memoryLimit: number;
  private readonly removedKeys: RemovedKeys;
  private readonly feed = new ChangeFeed({
    track: () => this.kernel.track(),
    noted: () => this.noted(),
    present: (rows) => this.present(rows),
  });
  /** Space for one row's weights, or for all of its floats; for one key. */
  protected readonly probe: number;
  private readonly keyProbe: number;
  /** Space for `PACKED` rows with their numbers, or for the keys and weights of as many. */
  readonly packing: number;

  /** @param indexed rows contain their keys, and have an index */
  constructor(spec: StoreSpec, options: StoreOptions, keyed: boolean, indexed: boolean) {
    this.spec = spec;
    this.keyed = keyed;
    this.stages = indexed && options.sharing?.role === "owner";
    this.optimizer = optimizerFor(spec.optimizer);
    this.layout = layoutOf(spec, this.optimizer, options);
    const { sharing, serving, workspace } = options;
    const own = memoryOf(sharing, spec.name);
    const { kernel, memory } = tableKernel((count) => this.removedKeys.collect(count), options.wide, own);
    this.kernel = kernel;
    this.memory = memory;
    this.removedKeys = new RemovedKeys(kernel, memory);
    this.memoryLimit = options.memoryLimit ?? 4 * GIB;
    kernel.setLimit(this.memoryLimit);
    const start = StoreSharing.enter(kernel, sharing, spec.name);
    kernel.seedIndex(hashSecret());
    kernel.configureOptimizer(this.optimizer.id, ...this.optimizer.hyper);
    if (serving) kernel.setServing(codecs[this.layout.precision]);
    kernel.configureRow(spec.dim, this.layout.lanes);
    const seed = BigInt(`0x${spec.seed}`);
    if (spec.precision) kernel.configurePrecision(codecs[spec.precision], spec.rounding === "nearest" ? 1 : 0, seed);
    workspace?.(kernel);
    this.probe = kernel.workspace(this.layout.lanes * 12 + 16) >>> 0;
    this.keyProbe = kernel.workspace(8) >>> 0;
    const { lanes, stride } = this.layout;
    this.packing = kernel.workspace(PACKED * Math.max(4 + stride, 8 + lanes * 4)) >>> 0;
    this.lifecycle = openLifecycle(spec, { kernel, memory }, { ...options, stride: this.layout.stride });
    this.sharing = StoreSharing.begin(kernel, memory, sharing, spec.name, start, this.layout.lanes * 12);
    const { stateBytes } = this.layout;
    if (!(this.sharing ?? kernel).open(+indexed, spec.rows, stateBytes, seed, spec.init)) throw this.full(spec.rows);
  }

  /** Number of learned rows. */
  get rows(): number {
    return this.kernel.rowCount.value >>> 0;
  }

  /** Number of rows for which there is memory; an index may have places for fewer. */
  get capacity(): number {
    return this.kernel.rowCapacity.value >>> 0;
  }

  /** Number of rows that fit in a table with an index without growing. */
  get room(): number {
    return this.kernel.room.value >>> 0;
  }

  /** Bytes reserved for index and rows, and of the filter. */
  get bytes(): number {
    const index = (this.kernel.rowsAddress() >>> 0) - (this.kernel.indexAddress() >>> 0);
    return index + this.capacity * this.layout.stride + (this.lifecycle?.bytes ?? 0);
  }

  /**
   * Makes room for `extra` new rows; may move rows and detach views.
   * @throws HashbrookError table_full, and nothing has changed
   */
  reserve(extra: number): void {
    if (!this.kernel.reserve(extra)) throw this.full(this.rows + extra);
  }

  /**
   * Makes room for `rows` new rows before they come chunk by chunk, which would rebuild the index whenever it is full; a
   * store that stages updates also gets room for as many again, if there is memory, so that an update rarely has to.
   * @throws HashbrookError table_full, and nothing has changed
   */
  makeRoom(rows: number): void {
    if (!this.stages || !this.kernel.reserve(2 * rows)) this.reserve(rows);
  }

  /**
   * Fills X for a batch of `rows` rows, whose keys are in the kernel's workspace.
   * @throws HashbrookError table_full, and nothing has changed
   */
  gather(rows: number, occurrences: number, learn: boolean): void | Promise<void> {
    if (!this.kernel.gather(rows, occurrences, learn ? 1 : 0)) throw this.full(this.rows + occurrences);
  }

  /** Loads the rows of the first `count` keys in the workspace, if they are not in memory. */
  fetch(_count: number): void | Promise<void> {}

  /** Loads the row of a key, if it is not in memory. */
  find(_key: bigint): void | Promise<void> {}

  /** The row of a key, or null if it was never learned. */
  lookup(key: bigint): RowState | null {
    const row = this.kernel.rowOf(key) >>> 0;
    if (row === 0xffffffff || !this.kernel.isTouched(row)) return null;
    return { row, weights: this.weightsOf(key), state: slotsOf(this, row, this.probe) };
  }

  /** f32[dim]: the weights a key predicts with, learned or not. */
  weightsOf(key: bigint): Float32Array {
    this.kernel.weightsOf(key, this.kernel.rowOf(key), this.probe);
    return new Float32Array(this.memory.buffer, this.probe, this.layout.dim).slice();
  }

  /** The learned rows in row order, at most `size` at a time. The table must not learn meanwhile. */
  exportRows(size = 4096): Generator<RowChunk> {
    return learnedRows(this, this.end, size);
  }

  /** A new reader of changed rows, from now on. */
  changes(): ChangeReader {
    return this.feed.reader();
  }

  private noted(): Uint32Array {
    this.kernel.settleMarks();
    return new Uint32Array(this.memory.buffer, this.kernel.changesAddress() >>> 0, Math.ceil(this.end / 32));
  }

  /** Starts collecting the keys of removed rows, for `takeRemoved`. */
  trackRemoved(): void {
    this.kernel.collectRemoved();
  }

  /**
   * The keys or numbers of rows removed since the last call (or `trackRemoved`) that do not exist now: distinct,
   * ascending.
   */
  takeRemoved(): BigUint64Array {
    return this.removedKeys.take();
  }

  /** The next `count` learned rows from row `from` on, ascending; fewer at the table's end. */
  rowsFrom(from: number, count: number): Uint32Array {
    const { end } = this;
    const rows = new Uint32Array(count);
    let found = 0;
    for (let row = from; row < end && found < count; row++) if (this.kernel.isTouched(row)) rows[found++] = row;
    return rows.subarray(0, found);
  }

  /** Keys (or numbers) and weights, f32[rows × dim], as published to replicas. */
  weightsOfRows(rows: Uint32Array): RowChunk {
    const { dim } = this.layout;
    const keys = new BigUint64Array(rows.length);
    const weights = new Float32Array(rows.length * dim);
    const probe = new Float32Array(this.memory.buffer, this.probe, dim);
    for (let i = 0; i < rows.length; i++) {
      keys[i] = this.keyOf(rows[i]);
      this.kernel.weightsOf(keys[i], rows[i], this.probe);
      weights.set(probe, i * dim);
    }
    return { keys, weights };
  }

  /**
   * Writes rows of a serving table, creating new ones.
   * @param chunk keys (or numbers) of the rows, and f32[keys × dim]
   * @throws HashbrookError table_full, and nothing has changed
   */
  put({ keys, weights }: RowChunk): void {
    this.reserve(keys.length);
    eachGiven(this, { keys, weights }, (at, count, given) => this.kernel.putRows(at, count, given, this.layout.dim));
  }

  /**
   * Writes rows of a learning table, creating new ones, with the optimizer state of rows initialised so.
   * @param chunk as for `put`
   * @throws HashbrookError table_full, and nothing has changed
   */
  plant({ keys, weights }: RowChunk): void {
    const { dim } = this.layout;
    this.reserve(keys.length);
    const key = new BigUint64Array(this.memory.buffer, this.keyProbe, 1);
    const given = new Float32Array(this.memory.buffer, this.probe, dim);
    for (let i = 0; i < keys.length; i++) {
      key[0] = keys[i];
      given.set(weights.subarray(i * dim, (i + 1) * dim));
      this.kernel.plant(this.keyProbe, 1, this.probe);
    }
  }

  /** Removes rows of a serving table: they predict with their initial weights again. Unknown keys are ignored. */
  remove(keys: BigUint64Array): void {
    for (const key of keys) this.kernel.remove(key);
  }

  /** Bytes of rows as in the table's block of a checkpoint, [rows × stride]. */
  readRows(rows: Uint32Array, bytes = new Uint8Array(rows.length * this.layout.stride)): Uint8Array {
    const { stride } = this.layout;
    const { kernel, memory, packing } = this;
    const list = new Uint32Array(memory.buffer, packing, PACKED);
    const packed = packing + PACKED * 4;
    for (let from = 0; from < rows.length; from += PACKED) {
      const some = rows.subarray(from, from + PACKED);
      list.set(some);
      kernel.packRows(packing, some.length, packed);
      bytes.set(new Uint8Array(memory.buffer, packed, some.length * stride), from * stride);
    }
    return bytes;
  }

  /** Everything that learning changes, in a fixed order, named `table/<table>/…`. */
  blocks(): Block[] {
    const blocks = this.rowBlocks();
    if (this.roundsByChance) {
      const count = Float64Array.of(Number(this.kernel.roundings.value));
      blocks.push({ name: this.blockName("roundings"), dtype: "F64", shape: [1], data: bytesOf(count) });
    }
    if (this.optimizer.countsSteps) {
      const powers = Float64Array.of(this.kernel.stepState1(), this.kernel.stepState2());
      blocks.push({ name: this.blockName("powers"), dtype: "F64", shape: [2], data: bytesOf(powers) });
    }
    return [...blocks, ...(this.lifecycle?.blocks() ?? [])];
  }

  /** @throws HashbrookError checkpoint_damaged if a block is missing or does not fit, table_full if the rows do not */
  restore(blocks: SavedBlocks): void {
    const numbers = (part: string, count: number) => savedNumbers(blocks, this.blockName(part), { bytes: 8 * count });
    const powers = this.optimizer.countsSteps ? numbers("powers", 2) : null;
    const roundings = this.roundsByChance ? numbers("roundings", 1) : null;
    const restoreLifecycle = this.lifecycle?.restoring(blocks);
    this.restoreRows(blocks);
    restoreLifecycle?.();
    if (roundings) this.kernel.restoreRoundings(BigInt(roundings[0]));
    if (powers) this.kernel.restoreSteps(powers[0], powers[1]);
  }

  /** True if rounding draws random bits: the number of rows rounded is then part of the state. */
  private get roundsByChance(): boolean {
    return this.spec.precision !== undefined && this.spec.rounding !== "nearest";
  }

  /** The block that holds only the rows, `stride` bytes each: increments store its changed rows. */
  abstract get rowsBlock(): string;
  /** True for a valid key, or a valid row number. */
  abstract isKey(key: bigint): boolean;
  /** Those of the rows, ascending, that still exist. */
  abstract present(rows: Uint32Array): Uint32Array;
  /** Upper bound (exclusive) of learned rows' numbers. */
  protected abstract get end(): number;
  /** The hint if its rows do not fit. */
  protected abstract get remedy(): string;
  protected abstract rowBlocks(): Block[];
  /** Replaces its rows only. @throws as `restore` */
  abstract restoreRows(blocks: SavedBlocks): void;
  /** A row's external identity: its key or its number. */
  abstract keyOf(row: number): bigint;

  protected blockName(part: string): string {
    return `table/${this.spec.name}/${part}`;
  }

  /** `bytes` bytes of the memory from `at` on. */
  protected view(at: number, bytes: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, at >>> 0, bytes);
  }

  /** The error for a table that would need space for `rows` rows. */
  full(rows: number): HashbrookError {
    return tableFull(this.spec, rows, this.layout.stride, this.memoryLimit, this.remedy);
  }
}
