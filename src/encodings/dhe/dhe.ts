import type { Block, SavedBlocks } from "../../core/blocks.js";
import { HashbrookError } from "../../core/errors.js";
import type { SmallNetworkShape } from "../../graph/small-network.js";
import { type CodeKernel, codeKernel } from "../../kernels/code.js";
import type { DenseOptimizer } from "../../optimizers/dense.js";
import { decodersOf } from "../../tables/contribution.js";
import type { Encoding, EncodingOptions, LanedEncoding } from "../../tables/encoding.js";
import { networkRows, SmallNetwork, type SmallNetworkMatrices } from "../../tables/small-network.js";
import type { EncodingBase } from "../../tables/spec.js";
import type { DheOptions } from "./spec.js";

/** Mean square of a code's elements. */
const CODE_POWER = { uniform: 1 / 3, gaussian: 1 } as const;
const GIB = 2 ** 30;

/**
 * Deep hash embedding (Kang et al. 2021): k hash functions turn a key into a dense code, and a small network decodes
 * it. There are no rows: every key, seen or not, has a vector, and all share the network's weights.
 *
 * The distinct keys of a training batch are decoded together and normalised by their own statistics, each key counting
 * once. Scoring uses the running statistics, so that a vector depends on its key and the weights alone; a scorer caches
 * the vectors of hot keys until a weight changes.
 */
export class DheEncoding implements Encoding {
  readonly dim: number;
  readonly stores = [];
  private readonly spec: DheOptions;
  private readonly kernel: CodeKernel;
  private readonly memory: WebAssembly.Memory;
  private readonly decoder: SmallNetwork;
  private readonly capacity: number;
  private readonly caching: boolean;
  /** Version of the decoder that produced the cached vectors. */
  private cached = 0;

  /** @throws HashbrookError table_full when a batch does not fit its memory */
  constructor(spec: EncodingBase, own: DheOptions, options: EncodingOptions) {
    this.spec = own;
    this.dim = spec.dim;
    this.capacity = options.capacity;
    this.caching = !options.learns && own.cache_rows > 0;
    const { kernel, memory } = codeKernel();
    this.kernel = kernel;
    this.memory = memory;
    this.open(spec, options);
    this.decoder = new SmallNetwork({
      shape: shapeOf(spec, own),
      optimizer: own.optimizer,
      seed: Number(BigInt.asUintN(32, seedOf(spec))),
      runtime: options.runtime,
      capacity: options.capacity,
      matrices: this.matrices(options.learns),
    });
  }

  get keys(): BigUint64Array {
    return new BigUint64Array(this.memory.buffer, this.kernel.keysAt.value >>> 0, this.capacity);
  }

  get vectors(): Float32Array {
    return this.floats(this.kernel.vectorsAt.value, this.capacity * this.dim);
  }

  get gradients(): Float32Array {
    return this.floats(this.kernel.gradientsAt.value, this.capacity * this.dim);
  }

  get dense(): readonly DenseOptimizer[] {
    return this.decoder.dense;
  }

  get bytes(): number {
    return this.decoder.bytes;
  }

  async gather(count: number, mode: "learn" | "score"): Promise<void> {
    if (mode === "score" && this.caching) return this.gatherCached(count);
    this.kernel.encode(count);
    if (mode === "learn") await this.decoder.forward(count);
    else await this.decoder.decode(count);
  }

  /** All keys share the weights, so a lane contributes the weights' gradient. */
  readonly laned: LanedEncoding = {
    gather: (count) => this.gather(count, "learn"),
    contribute: async () => {
      await this.backward();
      return { keys: new BigUint64Array(), gradients: new Float32Array(), decoder: this.decoder.contribution() };
    },
    fold: (parts, factor) => this.decoder.fold(decodersOf(parts), factor),
  };

  async backward(): Promise<void> {
    await this.decoder.backward();
  }

  gradientsFinite(): boolean {
    return this.decoder.gradientsFinite();
  }

  apply(): void {
    this.decoder.apply();
  }

  async vectorOf(key: bigint): Promise<Float32Array> {
    this.keys[0] = key;
    await this.gather(1, "score");
    return this.vectors.slice(0, this.dim);
  }

  blocks(): Block[] {
    return this.decoder.blocks();
  }

  restore(blocks: SavedBlocks): void {
    this.decoder.restore(blocks);
  }

  async close(): Promise<void> {
    await this.decoder.close();
  }

  private async gatherCached(count: number): Promise<void> {
    const { version } = this.decoder;
    if (version !== this.cached) this.kernel.forget();
    this.cached = version;
    const missed = this.kernel.look(count) >>> 0;
    await this.decoder.decode(missed);
    this.kernel.settle(missed);
  }

  private open(spec: EncodingBase, { learns, memoryLimit = 4 * GIB }: EncodingOptions): void {
    const { kernel, caching } = this;
    const { hashes, code, cache_rows } = this.spec;
    const rows = networkRows(this.capacity);
    kernel.setLimit(memoryLimit);
    const gaussian = code === "gaussian" ? 1 : 0;
    if (!kernel.openCodes(rows, hashes, gaussian, seedOf(spec), spec.dim, learns ? 1 : 0)) throw this.full(spec);
    if (caching && !kernel.openCache(cache_rows, rows)) throw this.full(spec);
  }

  private full({ name }: EncodingBase): HashbrookError {
    return new HashbrookError(
      "table_full",
      `table ${name}: batches of ${this.capacity} keys do not fit in its memory`,
      {
        hint: "lower train.batch, hashes, dim, cache_rows, or a bag's max_length",
      },
    );
  }

  /** Views of a memory that does not grow, so they are made once. */
  private matrices(learns: boolean): () => SmallNetworkMatrices {
    const { kernel, dim } = this;
    const rows = networkRows(this.capacity);
    const made = {
      x: this.floats(kernel.codesAt.value, rows * this.spec.hashes),
      vectors: this.floats(kernel.decodedAt.value, rows * dim),
      gradients: this.floats(kernel.gradientsAt.value, learns ? rows * dim : 0),
    };
    return () => made;
  }

  private floats(at: number, count: number): Float32Array {
    return new Float32Array(this.memory.buffer, at >>> 0, count);
  }
}

/** Outputs start with the mean square of table rows, uniform in ±init. */
function shapeOf({ name, dim, init }: EncodingBase, dhe: DheOptions): SmallNetworkShape {
  const { hashes, depth, width, activation, batch_norm, code } = dhe;
  return {
    name: `${name}.decoder`,
    inputs: hashes,
    outputs: dim,
    depth,
    width,
    activation,
    batchNorm: batch_norm,
    learnsInputs: false,
    inputPower: CODE_POWER[code],
    outputPower: (init * init) / 3,
  };
}

function seedOf({ seed }: EncodingBase): bigint {
  return BigInt(`0x${seed}`);
}
