import { HashbrookError } from "../core/errors.js";
import type { TableKernel } from "../kernels/table.js";

import type { Clock, Encoding, EncodingOptions } from "./encoding.js";
import { ExactStore } from "./exact.js";
import { HashStore } from "./hash.js";
import { Matrices } from "./matrices.js";
import type { RowStore, SavedBlocks, StoreOptions, TableBlock } from "./row-store.js";
import type { StoreSpec } from "./spec.js";

/** The row of a key that has none. */
export const NONE = 0xffffffff;

/** @throws HashbrookError table_full when its first rows do not fit */
export function openStore(spec: StoreSpec, options: StoreOptions): RowStore {
  return spec.encoding === "exact" ? new ExactStore(spec, options) : new HashStore(spec, options);
}

/** A store of rows that is asked for distinct keys: `hash` and `exact` where they are part of something larger. */
export class StoreEncoding implements Encoding {
  readonly dim: number;
  readonly store: RowStore;
  readonly stores: readonly [RowStore];
  readonly dense = [];
  private readonly capacity: number;
  private readonly matrices: Matrices;
  /** Keys of the last learning gather, null where there is none to apply. */
  private learning: number | null = null;

  /** @param options.unitRows rows from this one on start around 1 */
  constructor(spec: StoreSpec, options: EncodingOptions & { readonly unitRows?: number }) {
    this.dim = spec.dim;
    this.capacity = options.capacity;
    const { capacity, serving, servingPrecision, memoryLimit, unitRows } = options;
    const workspace = (kernel: TableKernel): void => {
      if (unitRows !== undefined) kernel.setUnitRows(unitRows);
      kernel.openBatch(capacity, 1, 1, 0, capacity);
    };
    this.store = openStore(spec, { workspace, serving, servingPrecision, ...(memoryLimit && { memoryLimit }) });
    this.stores = [this.store];
    this.matrices = new Matrices(this.store.memory, capacity * this.dim);
  }

  get keys(): BigUint64Array {
    return new BigUint64Array(this.store.memory.buffer, this.store.kernel.keysAt.value >>> 0, this.capacity);
  }

  get vectors(): Float32Array {
    return this.matrices.at(this.store.kernel.outputAt.value);
  }

  get gradients(): Float32Array {
    return this.matrices.at(this.store.kernel.gradientAt.value);
  }

  get bytes(): number {
    return this.store.bytes;
  }

  gather(count: number, mode: "learn" | "score", clock: Clock): void {
    if (mode === "learn") this.store.lifecycle?.setClock(clock);
    if (!this.store.kernel.gather(count, count, mode === "learn" ? 1 : 0)) {
      throw this.store.full(this.store.rows + count);
    }
    this.learning = mode === "learn" ? count : null;
  }

  backward(): void {}

  gradientsFinite(): boolean {
    return this.store.kernel.gradientUsable(this.learning ?? 0) === 1;
  }

  apply(): void {
    if (this.learning === null) throw new HashbrookError("internal", `${this.store.spec.name}: nothing to apply`);
    this.store.kernel.apply(this.learning);
    this.learning = null;
  }

  vectorOf(key: bigint): Float32Array {
    return this.store.weightsOf(key);
  }

  /** How many of the first `count` keys have no row. */
  missing(count: number): number {
    return this.rowsOf(count).filter((row) => row === NONE).length;
  }

  /** u32[count]: the rows of the first `count` keys, 0xffffffff where there is none. Overwrites `vectors`. */
  rowsOf(count: number): Uint32Array {
    const { kernel, memory } = this.store;
    kernel.rowsOf(kernel.keysAt.value, count, kernel.outputAt.value);
    return new Uint32Array(memory.buffer, kernel.outputAt.value >>> 0, count);
  }

  /**
   * Gives new keys rows that start at the given vectors instead of initial weights. Overwrites `keys` and `vectors`.
   * @param keys at most `capacity`
   * @param vectors f32[keys × dim]
   * @throws HashbrookError table_full, and nothing has changed
   */
  plant(keys: BigUint64Array, vectors: Float32Array): void {
    this.store.reserve(keys.length);
    this.keys.set(keys);
    this.vectors.set(vectors);
    const { kernel } = this.store;
    kernel.plant(kernel.keysAt.value, keys.length, kernel.outputAt.value);
  }

  blocks(): TableBlock[] {
    return this.store.blocks();
  }

  restore(blocks: SavedBlocks): void {
    this.store.restore(blocks);
  }

  async close(): Promise<void> {}
}
