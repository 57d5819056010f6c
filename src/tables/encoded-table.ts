import type { Batch, BatchLayout } from "../core/batch.js";
import type { Block, SavedBlocks } from "../core/blocks.js";
import { HashbrookError } from "../core/errors.js";
import { type TableKernel, tableKernel } from "../kernels/table.js";
import type { DenseOptimizer } from "../optimizers/dense.js";
import type { CompiledSpec, CompiledTable } from "../spec/compiled.js";
import { BatchPath, paddedRows } from "./batch-path.js";
import { addContributions, placeKeys, type TableContribution } from "./contribution.js";
import type { HotnessCounters } from "./encoding.js";
import { type Encoding, type GatherMode, NO_TIME, type StreamTime } from "./encoding.js";
import { Matrices } from "./matrices.js";
import type { RowStore } from "./row-store.js";
import type { ShardKeys } from "./shard-share.js";
import type { Table } from "./table.js";

/**
 * A table whose vectors an encoding computes: this front finds a batch's distinct keys, spreads their vectors over the
 * cells (combining bags), and sums the gradients that come back for each key. Keys, vectors and gradients are copied
 * between the two.
 */
export class EncodedTable implements Table {
  readonly name: string;
  readonly spec: CompiledTable;
  readonly width: number;
  private readonly encoding: Encoding;
  private readonly path: BatchPath;
  private readonly kernel: TableKernel;
  private readonly memory: WebAssembly.Memory;
  private readonly matrices: Matrices;
  private readonly rows: number;
  /** Rows and distinct keys of the last gather; 0 rows if there are no gradients to apply, or it was a fold. */
  private learning = { rows: 0, count: 0 };
  private folded = false;

  private constructor(spec: CompiledTable, rows: number, path: BatchPath, encoding: Encoding) {
    this.spec = spec;
    this.name = spec.name;
    this.rows = rows;
    this.path = path;
    this.encoding = encoding;
    this.width = path.vectors * spec.dim;
    const { kernel, memory } = tableKernel();
    this.kernel = kernel;
    this.memory = memory;
    kernel.configureRow(spec.dim, spec.dim);
    if (!path.open(kernel))
      throw new HashbrookError("table_full", `table ${spec.name}: batches of ${rows} rows do not fit in its memory`, {
        hint: "lower train.batch, dim, or a bag's max_length",
      });
    this.matrices = new Matrices(memory, path.capacity * this.width);
  }

  static async create(
    model: CompiledSpec,
    tableIndex: number,
    layout: BatchLayout,
    encode: (capacity: number) => Promise<Encoding>,
  ): Promise<EncodedTable> {
    const path = new BatchPath(model, tableIndex, layout, paddedRows(layout.capacity));
    return new EncodedTable(model.tables[tableIndex], layout.capacity, path, await encode(path.most));
  }

  get stores(): readonly RowStore[] {
    return this.encoding.stores;
  }

  get dense(): readonly DenseOptimizer[] {
    return this.encoding.dense;
  }

  get hotness(): HotnessCounters | null {
    return this.encoding.hotness ?? null;
  }

  get output(): Float32Array {
    return this.matrices.at(this.kernel.outputAt.value);
  }

  get gradient(): Float32Array {
    return this.matrices.at(this.kernel.gradientAt.value);
  }

  async gather(batch: Batch, mode: GatherMode, numbers = batch.numbers, clock: StreamTime = NO_TIME): Promise<void> {
    const { kernel, encoding } = this;
    const count = this.distinctKeys(batch, numbers);
    if (mode === "lane" && encoding.laned) await encoding.laned.gather(count);
    else await encoding.gather(count, mode === "learn" ? mode : "score", clock);
    this.unique(kernel.uniqueWeightsAt.value, count).set(encoding.vectors.subarray(0, count * encoding.dim));
    kernel.spread(batch.rows);
    if (mode !== "score") this.learning = { rows: batch.rows, count };
  }

  remoteKeys(batch: Batch): readonly ShardKeys[] {
    const { laned } = this.encoding;
    return laned?.remoteKeys ? laned.remoteKeys(this.distinctKeys(batch, batch.numbers)) : [];
  }

  /** Passes a batch's distinct keys to the encoding. @returns how many */
  private distinctKeys(batch: Batch, numbers: Float32Array): number {
    const { kernel, memory } = this;
    if (batch.rows > this.rows)
      throw new HashbrookError("internal", `table ${this.name}: a batch of ${batch.rows} rows exceeds ${this.rows}`);
    this.learning = { rows: 0, count: 0 };
    this.folded = false;
    const count = kernel.gatherKeys(this.path.load(batch, numbers, kernel, memory)) >>> 0;
    this.encoding.keys.set(new BigUint64Array(memory.buffer, kernel.keysAt.value >>> 0, count));
    return count;
  }

  async contribute(): Promise<TableContribution> {
    const { kernel, memory, encoding } = this;
    const { rows, count } = this.learning;
    kernel.collect(rows);
    const keys = new BigUint64Array(memory.buffer, kernel.keysAt.value >>> 0, count).slice();
    const gradients = this.unique(kernel.uniqueGradientsAt.value, count);
    if (!encoding.laned) return { keys, gradients: gradients.slice() };
    encoding.gradients.set(gradients);
    return encoding.laned.contribute(keys);
  }

  async fold(parts: readonly TableContribution[], factor: number, clock: StreamTime = NO_TIME): Promise<void> {
    const { encoding } = this;
    this.folded = true;
    if (encoding.laned?.fold) {
      encoding.laned.fold(parts, factor, clock);
      this.learning = { rows: 1, count: 1 };
      return;
    }
    const count = this.sum(parts, factor);
    // Rows held elsewhere also learn now: optimizers that count steps count this one everywhere.
    const elsewhere = parts.reduce((total, { sent = 0 }) => total + sent, 0);
    this.learning = { rows: 1, count: count + elsewhere };
    if (this.learning.count === 0) return;
    const { kernel, memory } = this;
    encoding.keys.set(new BigUint64Array(memory.buffer, kernel.keysAt.value >>> 0, count));
    await encoding.gather(count, "learn", clock);
    encoding.gradients.set(this.unique(kernel.uniqueGradientsAt.value, count));
    await encoding.backward();
  }

  /** Writes the contributions' distinct keys and summed gradients. @returns how many */
  private sum(parts: readonly TableContribution[], factor: number): number {
    const { kernel, memory } = this;
    const all = parts.reduce((sum, { keys }) => sum + keys.length, 0);
    const count = kernel.gatherKeys(
      placeKeys(new BigUint64Array(memory.buffer, kernel.keysAt.value >>> 0, all), parts),
    );
    addContributions({ kernel, stage: () => this.gradient, dim: this.spec.dim }, parts, factor);
    return count >>> 0;
  }

  gradientSquares(): number {
    return this.kernel.gradientSquares(this.learning.rows);
  }

  async backward(): Promise<void> {
    const { rows, count } = this.learning;
    this.kernel.collect(rows);
    if (count === 0) return; // nothing but empty bags
    this.encoding.gradients.set(this.unique(this.kernel.uniqueGradientsAt.value, count));
    await this.encoding.backward();
  }

  gradientsFinite(): boolean {
    const { rows, count } = this.learning;
    const usable = this.folded || this.kernel.gradientUsable(rows) === 1;
    return usable && (count === 0 || this.encoding.gradientsFinite());
  }

  apply(): void {
    if (this.learning.rows === 0)
      throw new HashbrookError("internal", `table ${this.name}: apply without a learning gather`);
    if (this.learning.count > 0) this.encoding.apply();
    this.folded = false;
    this.learning = { rows: 0, count: 0 };
  }

  stats(): { rows: number; capacity: number; bytes: number } {
    const { sizes } = this.encoding.laned ?? {};
    if (sizes) return sizes;
    const sum = (of: (store: RowStore) => number) => this.stores.reduce((total, store) => total + of(store), 0);
    return { rows: sum(({ rows }) => rows), capacity: sum(({ capacity }) => capacity), bytes: this.encoding.bytes };
  }

  shardVectors(shard: number, keys: BigUint64Array): Float32Array {
    const { encoding } = this;
    if (!encoding.vectorsOf) throw new HashbrookError("internal", `table ${this.name}: is not split into shards`);
    return encoding.vectorsOf(shard, keys);
  }

  vectorOf(key: bigint): Float32Array | Promise<Float32Array> {
    return this.encoding.vectorOf(key);
  }

  blocks(): Block[] {
    return this.encoding.blocks();
  }

  restore(blocks: SavedBlocks): void {
    this.encoding.restore(blocks);
  }

  async close(): Promise<void> {
    await this.encoding.close();
  }

  /** f32[count × dim] of the distinct keys, at an address. */
  private unique(at: number, count: number): Float32Array {
    return new Float32Array(this.memory.buffer, at >>> 0, count * this.spec.dim);
  }
}
