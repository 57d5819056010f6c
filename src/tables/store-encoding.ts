import { HashbrookError } from "../core/errors.js";
import type { TableKernel } from "../kernels/table.js";
import type { EncodingSpec, StoreSpec } from "../spec/compiled.js";
import type { Clock, Encoding, EncodingOptions } from "./encoding.js";
import { ExactStore } from "./exact.js";
import { HashStore } from "./hash.js";
import { Matrices } from "./matrices.js";
import type { RowStore, SavedBlocks, StoreOptions, TableBlock } from "./row-store.js";

/** True for what is one store of rows and nothing else. */
export function isStore(spec: EncodingSpec): spec is EncodingSpec & StoreSpec {
  return (spec.encoding === "hash" || spec.encoding === "exact") && (spec.shards ?? 1) === 1;
}

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
  private learning = 0;

  /** @param options.unitRows rows from this one on start around 1 */
  constructor(spec: StoreSpec, options: EncodingOptions & { readonly unitRows?: number }) {
    this.dim = spec.dim;
    this.capacity = options.capacity;
    const { capacity, serving, memoryLimit, unitRows } = options;
    const workspace = (kernel: TableKernel): void => {
      if (unitRows !== undefined) kernel.setUnitRows(unitRows);
      kernel.openBatch(capacity, 1, 1, 0, capacity);
    };
    this.store = openStore(spec, { workspace, serving, ...(memoryLimit && { memoryLimit }) });
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

  gather(count: number, mode: "learn" | "score", _clock: Clock): void {
    if (!this.store.kernel.gather(count, count, mode === "learn" ? 1 : 0)) {
      throw this.store.full(this.store.rows + count);
    }
    this.learning = mode === "learn" ? count : 0;
  }

  backward(): void {}

  gradientsFinite(): boolean {
    return this.store.kernel.gradientUsable(this.learning) === 1;
  }

  apply(): void {
    if (this.learning === 0) throw new HashbrookError("internal", `${this.store.spec.name}: nothing to apply`);
    this.store.kernel.apply(this.learning);
    this.learning = 0;
  }

  vectorOf(key: bigint): Float32Array {
    return this.store.weightsOf(key);
  }

  blocks(): TableBlock[] {
    return this.store.blocks();
  }

  restore(blocks: SavedBlocks): void {
    this.store.restore(blocks);
  }

  async close(): Promise<void> {}
}
