import type { TableKernel } from "../kernels/table.js";
import type { Encoding, EncodingOptions, OwnedRows, StreamTime } from "./encoding.js";
import { Matrices } from "./matrices.js";
import type { StoreSpec } from "./spec.js";
import { StoreLearner } from "./store-learner.js";

/** The row number of a key without a row. */
export const NONE = 0xffffffff;

/** A store of rows that takes distinct keys: `hash` and `exact` as part of a larger encoding. */
export class StoreEncoding extends StoreLearner implements Encoding {
  readonly dim: number;
  readonly owned: OwnedRows | undefined;
  private readonly capacity: number;
  private readonly matrices: Matrices;
  /** A copy of the vectors in unshared memory, for readers other than kernels. */
  private readonly copy: Float32Array | null;

  /** @param options.unitRows rows from this one on start around 1 */
  constructor(spec: StoreSpec, options: EncodingOptions & { readonly unitRows?: number }) {
    const { capacity, serving, servingPrecision, memoryLimit, sharing, keeper, unitRows } = options;
    const workspace = (kernel: TableKernel): void => {
      if (unitRows !== undefined) kernel.setUnitRows(unitRows);
      kernel.openBatch(capacity, 1, 1, 0, capacity);
    };
    super(spec, { workspace, serving, servingPrecision, sharing, keeper, ...(memoryLimit && { memoryLimit }) });
    this.dim = spec.dim;
    this.capacity = capacity;
    const { store } = this;
    this.owned = store.keyed ? { plant: (chunk) => store.plant(chunk), others: null } : undefined;
    this.matrices = new Matrices(this.store.memory, capacity * this.dim);
    this.copy = sharing ? new Float32Array(capacity * this.dim) : null;
  }

  get keys(): BigUint64Array {
    return new BigUint64Array(this.store.memory.buffer, this.store.kernel.keysAt.value >>> 0, this.capacity);
  }

  get vectors(): Float32Array {
    return this.copy ?? this.found;
  }

  /** The vectors in the kernel's memory. */
  private get found(): Float32Array {
    return this.matrices.at(this.store.kernel.outputAt.value);
  }

  get gradients(): Float32Array {
    return this.matrices.at(this.store.kernel.gradientAt.value);
  }

  protected get stage(): Float32Array {
    return this.gradients;
  }

  get bytes(): number {
    return this.store.bytes;
  }

  gather(count: number, mode: "learn" | "score", clock: StreamTime): void | Promise<void> {
    if (mode === "learn") this.store.lifecycle?.setClock(clock);
    this.begin();
    const gathered = this.store.gather(count, count, mode === "learn");
    if (gathered) return gathered.then(() => this.gathered(count, mode));
    this.gathered(count, mode);
  }

  private gathered(count: number, mode: "learn" | "score"): void {
    this.learning = mode === "learn" ? count : null;
    this.copy?.set(this.found.subarray(0, count * this.dim));
  }

  /** Loads the rows of the first `count` keys, if they are not in memory. */
  fetch(count: number): void | Promise<void> {
    return this.store.fetch(count);
  }

  /** Number of the first `count` keys without a row. */
  missing(count: number): number {
    return this.rowsOf(count).filter((row) => row === NONE).length;
  }

  /** u32[count]: the rows of the first `count` keys, 0xffffffff for keys without one. Overwrites `vectors`. */
  rowsOf(count: number): Uint32Array {
    const { kernel, memory } = this.store;
    kernel.rowsOf(kernel.keysAt.value, count, kernel.outputAt.value);
    return new Uint32Array(memory.buffer, kernel.outputAt.value >>> 0, count);
  }

  /**
   * Creates rows for new keys that start at the given vectors instead of initial weights. Overwrites `keys` and
   * `vectors`.
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
}
