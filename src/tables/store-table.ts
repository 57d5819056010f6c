import type { Batch, BatchLayout } from "../core/batch.js";
import { HashbrookError } from "../core/errors.js";
import type { RowLayout } from "../core/row-layout.js";
import type { TableKernel } from "../kernels/table.js";
import type { CompiledSpec, CompiledTable } from "../spec/compiled.js";
import { BatchPath, paddedRows } from "./batch-path.js";
import type { TableContribution } from "./contribution.js";
import type { GatherMode, StreamTime } from "./encoding.js";
import { Matrices } from "./matrices.js";
import type { RowState, StoreOptions } from "./row-store.js";
import type { StoreSpec } from "./spec.js";
import { StoreLearner } from "./store-learner.js";
import type { Table } from "./table.js";

/**
 * A `hash` or `exact` table: the batch's keys go straight to the rows of one store, in one kernel. A row is read once
 * and updated once per batch.
 */
export class StoreTable extends StoreLearner implements Table {
  readonly name: string;
  readonly spec: CompiledTable;
  readonly layout: RowLayout;
  readonly width: number;
  private readonly path: BatchPath;
  /** Rows of the largest batch. */
  private readonly rows: number;
  private readonly matrices: Matrices;
  /** A copy of X in unshared memory, for readers other than kernels. */
  private readonly copy: Float32Array | null;

  constructor(model: CompiledSpec, tableIndex: number, layout: BatchLayout, options: StoreOptions = {}) {
    const spec = model.tables[tableIndex];
    const path = new BatchPath(model, tableIndex, layout, paddedRows(layout.capacity));
    const workspace = (kernel: TableKernel): void => {
      path.open(kernel);
      options.workspace?.(kernel);
    };
    super(spec as StoreSpec, { ...options, workspace });
    this.spec = spec;
    this.name = spec.name;
    this.rows = layout.capacity;
    this.path = path;
    this.layout = this.store.layout;
    this.width = this.path.vectors * this.spec.dim;
    this.matrices = new Matrices(this.store.memory, this.path.capacity * this.width);
    this.copy = options.sharing ? new Float32Array(this.path.capacity * this.width) : null;
  }

  get output(): Float32Array {
    return this.copy ?? this.found;
  }

  /** X in the kernel's memory. */
  private get found(): Float32Array {
    return this.matrices.at(this.store.kernel.outputAt.value);
  }

  get gradient(): Float32Array {
    return this.matrices.at(this.store.kernel.gradientAt.value);
  }

  gather(batch: Batch, mode: GatherMode, numbers = batch.numbers, clock?: StreamTime): void | Promise<void> {
    if (batch.rows > this.rows) {
      throw new HashbrookError("internal", `table ${this.name}: a batch of ${batch.rows} rows exceeds ${this.rows}`);
    }
    const occurrences = this.load(batch, numbers);
    if (mode === "learn" && clock) this.store.lifecycle?.setClock(clock);
    this.begin();
    const gathered = this.store.gather(batch.rows, occurrences, mode === "learn");
    if (gathered) return gathered.then(() => this.gathered(batch.rows, mode));
    this.gathered(batch.rows, mode);
  }

  private gathered(rows: number, mode: GatherMode): void {
    if (mode !== "score") this.learning = rows;
    this.copy?.set(this.found.subarray(0, rows * this.width));
  }

  /** Loads a batch's rows, if they are not in memory. */
  fetch(batch: Batch, numbers: Float32Array): void | Promise<void> {
    const { kernel } = this.store;
    const occurrences = this.load(batch, numbers);
    kernel.identify(kernel.keysAt.value, occurrences);
    return this.store.fetch(kernel.gatherKeys(occurrences) >>> 0);
  }

  private load(batch: Batch, numbers: Float32Array): number {
    return this.path.load(batch, numbers, this.store.kernel, this.store.memory);
  }

  contribute(): TableContribution {
    const { kernel, memory } = this.store;
    kernel.collect(this.learning ?? 0);
    const count = kernel.distinct() >>> 0;
    return {
      keys: new BigUint64Array(memory.buffer, kernel.keysAt.value >>> 0, count).slice(),
      gradients: this.summed(count),
    };
  }

  /** f32[count × dim]: the gradients of the distinct keys, without padding. */
  private summed(count: number): Float32Array {
    const { lanes, dim } = { ...this.layout, ...this.spec };
    const { kernel, memory } = this.store;
    const all = new Float32Array(memory.buffer, kernel.uniqueGradientsAt.value >>> 0, count * lanes);
    if (lanes === dim) return all.slice();
    const summed = new Float32Array(count * dim);
    for (let u = 0; u < count; u++) summed.set(all.subarray(u * lanes, u * lanes + dim), u * dim);
    return summed;
  }

  protected get stage(): Float32Array {
    return this.gradient;
  }

  gradientSquares(): number {
    return this.store.kernel.gradientSquares(this.learning ?? 0);
  }

  stats(): { rows: number; capacity: number; bytes: number } {
    const { rows, capacity, bytes } = this.store;
    return { rows, capacity, bytes };
  }

  /** The row of a key, or null if it was never learned. */
  lookup(key: bigint): RowState | null {
    return this.store.lookup(key);
  }
}
