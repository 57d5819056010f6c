import { HashbrookError } from "../core/errors.js";
import { type SplitKernel, splitKernel } from "../kernels/split.js";

/**
 * Divides a batch's distinct keys among parts, and back: vectors from the parts are put into the batch's order,
 * gradients into the parts' order. Everything is in one memory that never grows, so all views stay valid.
 */
export class KeyPartition {
  readonly kernel: SplitKernel;
  /** u64[capacity]: the batch's keys, and u32[capacity]: their rows, for `byRow`. */
  readonly keys: BigUint64Array;
  readonly rows: Uint32Array;
  /** f32[capacity × dim] each. */
  readonly vectors: Float32Array;
  readonly gradients: Float32Array;
  /** f32[capacity]: norms of the gradients, from `measure`. */
  readonly norms: Float32Array;
  private readonly dim: number;
  private readonly partKeys: BigUint64Array;
  private readonly partVectors: Float32Array;
  private readonly partGradients: Float32Array;
  private readonly starts: Uint32Array;

  /** @throws HashbrookError table_full if the batch's memory would exceed 4 GiB */
  constructor(name: string, capacity: number, dim: number, parts: number) {
    const { kernel, memory } = splitKernel();
    if (!kernel.open(capacity, dim, parts)) {
      throw new HashbrookError(
        "table_full",
        `table ${name}: ${capacity} vectors of ${dim} floats do not fit in 4 GiB`,
        {
          hint: "use a smaller batch or dim",
        },
      );
    }
    const floats = (at: { readonly value: number }, count = capacity * dim): Float32Array =>
      new Float32Array(memory.buffer, at.value >>> 0, count);
    const keys = (at: { readonly value: number }): BigUint64Array =>
      new BigUint64Array(memory.buffer, at.value >>> 0, capacity);
    this.kernel = kernel;
    this.dim = dim;
    this.keys = keys(kernel.keysAt);
    this.rows = new Uint32Array(memory.buffer, kernel.rowsAt.value >>> 0, capacity);
    this.vectors = floats(kernel.vectorsAt);
    this.gradients = floats(kernel.gradientsAt);
    this.norms = floats(kernel.normsAt, capacity);
    this.partKeys = keys(kernel.partKeysAt);
    this.partVectors = floats(kernel.partVectorsAt);
    this.partGradients = floats(kernel.partGradientsAt);
    this.starts = new Uint32Array(memory.buffer, kernel.startsAt.value >>> 0, parts + 1);
  }

  /** Number of the batch's keys in a part. */
  count(part: number): number {
    return this.starts[part + 1] - this.starts[part];
  }

  keysOf(part: number): BigUint64Array {
    return this.partKeys.subarray(this.starts[part], this.starts[part + 1]);
  }

  gradientsOf(part: number): Float32Array {
    return this.partGradients.subarray(this.starts[part] * this.dim, this.starts[part + 1] * this.dim);
  }

  /** Accepts the vectors of a part's keys, from the start of `vectors`. */
  take(part: number, vectors: Float32Array): void {
    this.partVectors.set(vectors.subarray(0, this.count(part) * this.dim), this.starts[part] * this.dim);
  }
}
