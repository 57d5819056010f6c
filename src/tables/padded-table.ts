import type { Batch } from "../core/batch.js";
import type { Block, SavedBlocks } from "../core/blocks.js";
import type { DenseOptimizer } from "../optimizers/dense.js";
import type { CompiledTable } from "../spec/compiled.js";
import type { TableContribution } from "./contribution.js";
import type { GatherMode, HotnessCounters, StreamTime } from "./encoding.js";
import type { RowState, RowStore } from "./row-store.js";
import type { ShardKeys } from "./shard-share.js";
import type { Table } from "./table.js";

/**
 * A table with rows shorter than the tower's vectors, which are padded with zeros: what remains of nested vectors that
 * were cut.
 */
export class PaddedTable implements Table {
  readonly name: string;
  readonly spec: CompiledTable;
  readonly width: number;
  readonly output: Float32Array;
  readonly gradient: Float32Array;
  readonly lookup?: (key: bigint) => RowState | null;
  private readonly inner: Table;
  /** Floats per row, and per vector. */
  private readonly dims: readonly [row: number, vector: number];
  /** Rows of the last "learn" gather. */
  private learning = 0;

  /** @param rows capacity of X */
  constructor(inner: Table, rows: number) {
    const { name, spec, width } = inner;
    const { dim, padded_dim = dim } = spec;
    this.inner = inner;
    this.name = name;
    this.spec = spec;
    this.dims = [dim, padded_dim];
    this.width = (width / dim) * padded_dim;
    this.output = new Float32Array(rows * this.width);
    this.gradient = new Float32Array(rows * this.width);
    if (inner.lookup) this.lookup = (key) => inner.lookup!(key);
  }

  get stores(): readonly RowStore[] {
    return this.inner.stores;
  }

  get dense(): readonly DenseOptimizer[] {
    return this.inner.dense;
  }

  get hotness(): HotnessCounters | null {
    return this.inner.hotness ?? null;
  }

  async gather(batch: Batch, mode: GatherMode, numbers?: Float32Array, clock?: StreamTime): Promise<void> {
    await this.inner.gather(batch, mode, numbers, clock);
    if (mode !== "score") this.learning = batch.rows;
    const [row, vector] = this.dims;
    const x = this.inner.output;
    const floats = batch.rows * this.inner.width;
    for (let from = 0, to = 0; from < floats; from += row, to += vector)
      for (let i = 0; i < row; i++) this.output[to + i] = x[from + i];
  }

  gradientSquares(): number {
    this.shorten();
    return this.inner.gradientSquares();
  }

  async backward(): Promise<void> {
    this.shorten();
    await this.inner.backward();
  }

  contribute(): TableContribution | Promise<TableContribution> {
    this.shorten();
    return this.inner.contribute();
  }

  remoteKeys(batch: Batch): readonly ShardKeys[] {
    return this.inner.remoteKeys?.(batch) ?? [];
  }

  fold(parts: readonly TableContribution[], factor: number, clock?: StreamTime): void | Promise<void> {
    return this.inner.fold(parts, factor, clock);
  }

  gradientsFinite(): boolean {
    return this.inner.gradientsFinite();
  }

  apply(): void {
    this.inner.apply();
  }

  stats(): { rows: number; capacity: number; bytes: number } {
    return this.inner.stats();
  }

  shardVectors(shard: number, keys: BigUint64Array): Float32Array {
    return this.inner.shardVectors!(shard, keys);
  }

  vectorOf(key: bigint): Float32Array | Promise<Float32Array> {
    return this.inner.vectorOf(key);
  }

  blocks(): Block[] {
    return this.inner.blocks();
  }

  restore(blocks: SavedBlocks): void {
    this.inner.restore(blocks);
  }

  async close(): Promise<void> {
    await this.inner.close();
  }

  /** Copies the rows' part of the gradients. */
  private shorten(): void {
    const [row, vector] = this.dims;
    const d = this.inner.gradient;
    const floats = this.learning * this.inner.width;
    for (let to = 0, from = 0; to < floats; to += row, from += vector)
      for (let i = 0; i < row; i++) d[to + i] = this.gradient[from + i];
  }
}
