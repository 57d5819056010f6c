import type { Block, SavedBlocks } from "../core/blocks.js";
import { HashbrookError } from "../core/errors.js";
import { xxh64 } from "../kernels/hash.js";
import type { TableKernel } from "../kernels/table.js";
import type { Encoding, EncodingOptions, StreamTime } from "./encoding.js";
import { Matrices } from "./matrices.js";
import { openStore } from "./open-store.js";
import type { RowStore } from "./row-store.js";
import type { StoreSpec } from "./spec.js";
import type { StoreEncoding } from "./store-encoding.js";

/** Numbers from src/kernels/assembly/table/composition.ts. */
const COMBINE = { concat: 0, sum: 1, add: 1, mult: 2, weighed: 3 } as const;
const SCHEME = { hashed: 0, mixed_radix: 1, chinese_remainder: 2 } as const;

/** How a key's vector is composed of rows of one pool. */
export interface Composition {
  readonly combine: keyof typeof COMBINE;
  readonly scheme: keyof typeof SCHEME;
  /** For each part, from which a key has one row: its first row and number of rows. Pooled parts overlap. */
  readonly parts: readonly { readonly first: number; readonly rows: number }[];
  /** Keys are reduced modulo this before digits or remainders are computed. */
  readonly range: number;
  /** Rows from this one on are factors, which start around 1. */
  readonly unitRows?: number;
}

/**
 * Vectors composed of several rows per key, from one fixed pool: k hashed rows, or a row from each of k partitions;
 * summed, multiplied, concatenated, or weighted by learned importances, which are in a second pool. Rows are updated
 * once per batch, with the gradients of all keys that share them.
 */
export class ComposedEncoding implements Encoding {
  readonly dim: number;
  readonly stores: readonly RowStore[];
  readonly dense = [];
  private readonly pool: RowStore;
  private readonly importance: StoreEncoding | null;
  private readonly capacity: number;
  private readonly parts: number;
  private readonly matrices: Matrices;
  private learning = 0;

  /**
   * @param pool the store of all rows
   * @param dim of a key's vector
   * @param importance the weights of a key's rows, one for each
   * @throws HashbrookError table_full when its rows do not fit
   */
  constructor(
    pool: StoreSpec,
    dim: number,
    composition: Composition,
    options: EncodingOptions,
    importance: StoreEncoding | null = null,
  ) {
    const { capacity, serving, servingPrecision, memoryLimit, sharing, keeper } = options;
    this.dim = dim;
    this.capacity = capacity;
    this.parts = composition.parts.length;
    const workspace = (kernel: TableKernel) => open(kernel, pool, composition, capacity);
    const limit = memoryLimit === undefined ? {} : { memoryLimit };
    this.pool = openStore(pool, { workspace, serving, servingPrecision, sharing, keeper, ...limit });
    this.matrices = new Matrices(this.pool.memory, capacity * dim);
    this.importance = importance;
    this.stores = this.importance ? [this.pool, this.importance.store] : [this.pool];
  }

  get keys(): BigUint64Array {
    const { kernel, memory } = this.pool;
    return new BigUint64Array(memory.buffer, kernel.sourceKeysAt.value >>> 0, this.capacity);
  }

  get vectors(): Float32Array {
    return this.matrices.at(this.pool.kernel.vectorsAt.value);
  }

  get gradients(): Float32Array {
    return this.matrices.at(this.pool.kernel.vectorGradientsAt.value);
  }

  get bytes(): number {
    return this.stores.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  async gather(count: number, mode: "learn" | "score", clock: StreamTime): Promise<void> {
    const { kernel } = this.pool;
    const { importance } = this;
    if (importance) {
      importance.keys.set(this.keys.subarray(0, count));
      await importance.gather(count, mode, clock);
      this.importances(kernel.importanceAt.value, count).set(importance.vectors.subarray(0, count * this.parts));
    }
    kernel.expand(count);
    await this.pool.gather(count, count * this.parts, mode === "learn");
    kernel.reduce(count);
    this.learning = mode === "learn" ? count : 0;
  }

  backward(): void {
    const { kernel } = this.pool;
    kernel.scatter(this.learning);
    this.importance?.gradients.set(this.importances(kernel.importanceGradientsAt.value, this.learning));
  }

  gradientsFinite(): boolean {
    return this.pool.kernel.gradientUsable(this.learning) === 1 && (this.importance?.gradientsFinite() ?? true);
  }

  apply(): void {
    if (this.learning === 0) throw new HashbrookError("internal", `${this.pool.spec.name}: nothing to apply`);
    this.pool.kernel.apply(this.learning);
    this.importance?.apply();
    this.learning = 0;
  }

  async vectorOf(key: bigint): Promise<Float32Array> {
    this.keys[0] = key;
    await this.gather(1, "score", { time: 0, examples: 0 });
    return this.vectors.slice(0, this.dim);
  }

  blocks(): Block[] {
    return this.stores.flatMap((store) => store.blocks());
  }

  restore(blocks: SavedBlocks): void {
    for (const store of this.stores) store.restore(blocks);
  }

  async close(): Promise<void> {}

  /** f32[count × parts] at an address. */
  private importances(at: number, count: number): Float32Array {
    return new Float32Array(this.pool.memory.buffer, at >>> 0, count * this.parts);
  }
}

/** `count` parts, each of which is the whole pool of `rows` rows. */
export const pooled = (rows: number, count: number): Composition["parts"] =>
  Array.from({ length: count }, () => ({ first: 0, rows }));

function open(kernel: TableKernel, { seed: hex }: StoreSpec, composition: Composition, capacity: number): void {
  const { combine, scheme, parts, range, unitRows } = composition;
  if (unitRows !== undefined) kernel.setUnitRows(unitRows);
  kernel.openBatch(capacity, parts.length, parts.length, 0, capacity * parts.length);
  kernel.openComposition(capacity, parts.length, COMBINE[combine], SCHEME[scheme], BigInt(range));
  const seed = BigInt(`0x${hex}`);
  parts.forEach(({ first, rows }, j) => {
    kernel.setPartition(j, xxh64(`hash ${j}`, seed), first, rows);
  });
}
