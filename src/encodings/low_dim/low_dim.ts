import type { Block, SavedBlocks } from "../../core/blocks.js";
import type { SmallNetworkShape } from "../../graph/small-network.js";
import type { DenseOptimizer } from "../../optimizers/dense.js";
import { decodersOf } from "../../tables/contribution.js";
import {
  type Encoding,
  type EncodingOptions,
  type LanedEncoding,
  NO_TIME,
  type StreamTime,
} from "../../tables/encoding.js";
import type { RowStore } from "../../tables/row-store.js";
import { networkRows, SmallNetwork, type SmallNetworkMatrices } from "../../tables/small-network.js";
import type { EncodingBase } from "../../tables/spec.js";
import { StoreEncoding } from "../../tables/store-encoding.js";
import type { LowDimOptions } from "./spec.js";

/** @param encode creates the nested rows: `own.dim` floats per key */
export async function createLowDim(
  spec: EncodingBase,
  own: LowDimOptions,
  options: EncodingOptions,
  encode: (spec: EncodingBase, options: EncodingOptions) => Promise<Encoding>,
): Promise<Encoding> {
  const padded = { ...options, capacity: networkRows(options.capacity) };
  return new LowDimEncoding(spec, own, await encode({ ...spec, encoding: "exact", dim: own.dim }, padded), options);
}

/**
 * Short rows and one matrix (Ginart et al. 2021, mixed dimension embeddings): vector = row · P, with P [row's dim,
 * dim]. Both are learned: the rows like any table's, P like a tower's weights.
 */
export class LowDimEncoding implements Encoding {
  readonly dim: number;
  readonly vectors: Float32Array;
  readonly gradients: Float32Array;
  private readonly rows: Encoding;
  private readonly projection: SmallNetwork;
  private count = 0;
  /** Present if the rows are in a single store: a lane contributes the gradients of its rows and of the matrix. */
  readonly laned: LanedEncoding | undefined;

  constructor(spec: EncodingBase, own: LowDimOptions, rows: Encoding, options: EncodingOptions) {
    const floats = networkRows(options.capacity) * spec.dim;
    this.dim = spec.dim;
    this.rows = rows;
    this.vectors = new Float32Array(floats);
    this.gradients = new Float32Array(options.learns ? floats : 0);
    this.projection = new SmallNetwork({
      shape: shapeOf(spec, rows.dim),
      optimizer: own.optimizer,
      seed: Number(BigInt.asUintN(32, BigInt(`0x${spec.seed}`))),
      runtime: options.runtime,
      capacity: options.capacity,
      matrices: () => this.matrices(),
    });
    this.laned = rows instanceof StoreEncoding ? this.lanedOver(rows) : undefined;
  }

  private lanedOver(rows: StoreEncoding): LanedEncoding {
    const { projection } = this;
    return {
      gather: async (count) => {
        rows.gather(count, "score", NO_TIME);
        await projection.forward(count);
      },
      contribute: async (keys) => {
        await projection.backward();
        return { keys, gradients: rows.gradients.slice(0, keys.length * rows.dim), decoder: projection.contribution() };
      },
      fold: (parts, factor, clock) => {
        rows.fold(parts, factor, clock);
        projection.fold(decodersOf(parts), factor);
        this.count = parts.reduce((sum, { keys }) => sum + keys.length, 0);
      },
    };
  }

  get keys(): BigUint64Array {
    return this.rows.keys;
  }

  get stores(): readonly RowStore[] {
    return this.rows.stores;
  }

  get dense(): readonly DenseOptimizer[] {
    return [...this.rows.dense, ...this.projection.dense];
  }

  get bytes(): number {
    return this.rows.bytes + this.projection.bytes;
  }

  async gather(count: number, mode: "learn" | "score", clock: StreamTime): Promise<void> {
    await this.rows.gather(count, mode, clock);
    if (mode === "score") return this.projection.decode(count);
    this.count = count;
    await this.projection.forward(count);
  }

  async backward(): Promise<void> {
    await this.projection.backward();
    await this.rows.backward();
  }

  gradientsFinite(): boolean {
    return this.projection.gradientsFinite() && this.rows.gradientsFinite();
  }

  apply(): void {
    if (this.count === 0) return;
    this.rows.apply();
    this.projection.apply();
    this.count = 0;
  }

  async vectorOf(key: bigint): Promise<Float32Array> {
    this.keys[0] = key;
    await this.gather(1, "score", { time: 0, examples: 0 });
    return this.vectors.slice(0, this.dim);
  }

  blocks(): Block[] {
    return [...this.rows.blocks(), ...this.projection.blocks()];
  }

  restore(blocks: SavedBlocks): void {
    this.rows.restore(blocks);
    this.projection.restore(blocks);
  }

  async close(): Promise<void> {
    await this.rows.close();
    await this.projection.close();
  }

  private matrices(): SmallNetworkMatrices {
    const { vectors, gradients, rows } = this;
    return { x: rows.vectors, vectors, gradients, inputGradients: rows.gradients };
  }
}

/** P preserves lengths: a vector starts with the mean square of its row's weights, uniform in ±init. */
function shapeOf({ name, dim, init }: EncodingBase, inputs: number): SmallNetworkShape {
  // Without initial weights there is no length to preserve; P must still be random, for the rows to have a gradient.
  const power = (init * init) / 3 || 1;
  return {
    name: `${name}.projection`,
    inputs,
    outputs: dim,
    depth: 0,
    width: 0,
    activation: "relu",
    batchNorm: false,
    learnsInputs: true,
    inputPower: power,
    outputPower: power,
  };
}
