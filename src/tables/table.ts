import type { Batch, BatchLayout } from "../core/batch.js";
import { HashbrookError } from "../core/errors.js";
import type { CompiledSpec, CompiledTable } from "../spec/compiled.js";
import { BatchPath } from "./batch-path.js";
import { ExactStore } from "./exact.js";
import { HashStore } from "./hash.js";
import type { RowLayout } from "./row-layout.js";
import type { RowChunk, RowState, RowStore, SavedBlocks, StoreOptions, TableBlock } from "./row-store.js";

export type { RowChunk, RowState, RowStore, StoreOptions, TableBlock } from "./row-store.js";

/** An embedding table: turns a batch's keys into rows of weights, and applies the gradients that come back. */
export interface Table {
  readonly name: string;
  readonly spec: CompiledTable;
  readonly layout: RowLayout;
  /** The rows and their kernel instance, for kernels that learn event by event. */
  readonly store: RowStore;
  /** Columns of X: cells × dim. */
  readonly width: number;
  /**
   * X, f32[capacity × width], row-major; cell c of row r at r·width + c·dim. `gather` writes the batch's rows, the others keep
   * what they held. A view over the table's memory, another one after growth: ask again after every gather.
   */
  readonly output: Float32Array;
  /** dX, of the same shape: the gradient of the loss the caller writes before `apply`. */
  readonly gradient: Float32Array;
  /**
   * Fills X. "learn" makes rows for new keys; "score" changes nothing, unseen keys give their initial weights.
   * @param numbers f32[batch rows × numbers]: what number cells multiply by (batch.numbers by default); NaN counts as 0
   * @throws HashbrookError table_full, before anything has changed
   */
  gather(batch: Batch, mode: "learn" | "score", numbers?: Float32Array): void;
  /**
   * One optimizer step: dX of the last "learn" gather, summed for each distinct row (times bag coefficients), applied once a
   * row in the order of first appearance.
   */
  apply(): void;
  /** False when dX holds NaN, infinity or anything over 1e15 (whose square would not stay finite). */
  gradientsFinite(): boolean;
  /** Learned rows, rows there is room for, and the bytes of index and rows. */
  stats(): { rows: number; capacity: number; bytes: number };
  lookup(key: bigint): RowState | null;
  /** Everything that learning changes, in a fixed order. Data are views. */
  blocks(): TableBlock[];
  /** @throws HashbrookError checkpoint_damaged */
  restore(blocks: SavedBlocks): void;
  /** Learned rows in row order, in chunks; the keys of a hash table are its row numbers. */
  exportRows(): Iterable<RowChunk>;
}

/** Batches are padded by their readers to at most the next multiple of this many rows. */
const ROW_PADDING = 64;

/**
 * Makes table `tableIndex` of a model, with no learned rows, for batches laid out by `layout`.
 * @throws HashbrookError table_full when its first rows do not fit
 */
export function createTable(
  model: CompiledSpec,
  tableIndex: number,
  layout: BatchLayout,
  options: StoreOptions = {},
): Table {
  return new EncodedTable(model, tableIndex, layout, options);
}

class EncodedTable implements Table {
  readonly name: string;
  readonly spec: CompiledTable;
  readonly layout: RowLayout;
  readonly store: RowStore;
  readonly width: number;
  private readonly path: BatchPath;
  /** Rows of the largest batch. */
  private readonly rows: number;
  /** Rows of the last learning gather, 0 when there is none to apply. */
  private learning = 0;
  private readonly matrices = new Map<number, Float32Array>();

  constructor(model: CompiledSpec, tableIndex: number, layout: BatchLayout, options: StoreOptions) {
    this.spec = model.tables[tableIndex];
    this.name = this.spec.name;
    this.rows = layout.capacity;
    const padded = Math.ceil(layout.capacity / ROW_PADDING) * ROW_PADDING;
    this.path = new BatchPath(model, tableIndex, layout, padded);
    this.store = openStore(this.spec, {
      ...options,
      workspace: (kernel) => {
        this.path.open(kernel);
        options.workspace?.(kernel);
      },
    });
    this.layout = this.store.layout;
    this.width = this.path.cells * this.spec.dim;
  }

  get output(): Float32Array {
    return this.matrix(this.store.kernel.outputAt.value);
  }

  get gradient(): Float32Array {
    return this.matrix(this.store.kernel.gradientAt.value);
  }

  gather(batch: Batch, mode: "learn" | "score", numbers = batch.numbers): void {
    const { kernel, memory } = this.store;
    if (batch.rows > this.rows) {
      throw new HashbrookError("internal", `table ${this.name}: a batch of ${batch.rows} rows, made for ${this.rows}`);
    }
    const occurrences = this.path.load(batch, numbers, kernel, memory);
    this.learning = 0;
    if (!kernel.gather(batch.rows, occurrences, mode === "learn" ? 1 : 0)) {
      throw this.store.full(this.store.rows + occurrences);
    }
    if (mode === "learn") this.learning = batch.rows;
  }

  apply(): void {
    if (this.learning === 0)
      throw new HashbrookError("internal", `table ${this.name}: apply without a learning gather`);
    this.store.kernel.apply(this.learning);
    this.learning = 0;
  }

  gradientsFinite(): boolean {
    return this.store.kernel.gradientUsable(this.learning) === 1;
  }

  stats(): { rows: number; capacity: number; bytes: number } {
    const { rows, capacity, bytes } = this.store;
    return { rows, capacity, bytes };
  }

  lookup(key: bigint): RowState | null {
    return this.store.lookup(key);
  }

  blocks(): TableBlock[] {
    return this.store.blocks();
  }

  restore(blocks: SavedBlocks): void {
    this.store.restore(blocks);
  }

  exportRows(): Iterable<RowChunk> {
    return this.store.exportRows();
  }

  private matrix(at: number): Float32Array {
    const { buffer } = this.store.memory;
    const known = this.matrices.get(at);
    if (known?.buffer === buffer) return known;
    const matrix = new Float32Array(buffer, at >>> 0, this.path.capacity * this.width);
    this.matrices.set(at, matrix);
    return matrix;
  }
}

function openStore(spec: CompiledTable, options: StoreOptions): RowStore {
  const { encoding } = spec;
  if (encoding === "exact") return new ExactStore({ ...spec, encoding }, options);
  if (encoding === "hash") return new HashStore({ ...spec, encoding }, options);
  throw new HashbrookError("internal", `table ${spec.name}: ${encoding} has no store of its own`);
}
