import type { Block, SavedBlocks } from "../core/blocks.js";
import type { Graph } from "../graph/graph.js";
import { buildSmallNetwork, type SmallNetworkShape } from "../graph/small-network.js";
import { DenseOptimizer } from "../optimizers/dense.js";
import { type Arrays, BoundGraph } from "../runtimes/bound-graph.js";
import type { Runtime } from "../runtimes/runtime.js";
import { scoringRows } from "../runtimes/scoring-rows.js";
import type { OptimizerSpec } from "../spec/compiled.js";
import type { DecoderContribution } from "./contribution.js";

export interface SmallNetworkOptions {
  readonly shape: SmallNetworkShape;
  /** Optimizer of the weights. */
  readonly optimizer: OptimizerSpec;
  /** Seed of the initial weights. */
  readonly seed: number;
  readonly runtime: Runtime["name"];
  /** Most rows of a batch. */
  readonly capacity: number;
  /** The batch's matrices in their current memory. */
  readonly matrices: () => SmallNetworkMatrices;
}

/** Row-major, with space for `paddedRows(capacity)` rows. */
export interface SmallNetworkMatrices {
  /** f32[rows × inputs]. */
  readonly x: Float32Array;
  /** f32[rows × outputs]. */
  readonly vectors: Float32Array;
  /** f32[rows × outputs]: gradients of `vectors`. */
  readonly gradients: Float32Array;
  /** f32[rows × inputs], if the inputs are learned. */
  readonly inputGradients?: Float32Array;
}

/** A running statistic moves by this fraction of the way to a batch's: a momentum of 0.99. */
const STATISTICS_RATE = 0.01;
/** Fewer rows give poor column statistics: they are normalised by the running statistics, and do not update them. */
const FEWEST_ROWS = 32;
/** Larger batches are padded to multiples of this, since a session keeps memory for every shape it meets. */
const ROW_GROUP = 64;

/** The padded row count for `rows` rows: the required capacity of the matrices. */
export function networkRows(rows: number): number {
  return rows <= ROW_GROUP ? scoringRows(rows) : Math.ceil(rows / ROW_GROUP) * ROW_GROUP;
}

/**
 * A small network from rows to vectors, with its weights and their optimizer. It runs on one thread, because its
 * batches vary in size, and several threads could add in a different order for each.
 */
export class SmallNetwork {
  readonly weights: DenseOptimizer;
  /**
   * Running statistics of batch norm, each moved towards the batches' by gradient steps on the squared distance. Null
   * without batch norm.
   */
  readonly statistics: DenseOptimizer | null;
  private readonly outputs: number;
  private readonly matrices: () => SmallNetworkMatrices;
  private readonly graphs: { readonly infer: BoundGraph; readonly forward: BoundGraph; readonly backward: BoundGraph };
  /** Each row's share of the batch, and 1 if the batch's own statistics are used. */
  private readonly share: Float32Array;
  private readonly batch = new Float32Array(1);
  /** Rows of the last forward pass, or of a fold. */
  private rows = 0;
  /** For a fold: the factor for its gradients, and whether the running statistics are updated. */
  private folded: { readonly factor: number; readonly follows: boolean } | null = null;

  constructor({ shape, optimizer, seed, runtime, capacity, matrices }: SmallNetworkOptions) {
    const { parameters, statistics, infer, forward, backward } = buildSmallNetwork(shape, seed);
    this.weights = new DenseOptimizer(optimizer, parameters, shape.name);
    this.statistics =
      statistics.length > 0 ? new DenseOptimizer({ kind: "sgd", learning_rate: STATISTICS_RATE }, statistics) : null;
    this.outputs = shape.outputs;
    this.matrices = matrices;
    this.share = new Float32Array(networkRows(capacity));
    const fixed = this.denseArrays();
    const bound = (graph: Graph) => new BoundGraph(graph, runtime, () => arraysOf(matrices(), fixed));
    const running = bound(infer);
    this.graphs = {
      infer: running,
      forward: this.statistics ? bound(forward) : running,
      backward: bound(backward),
    };
  }

  /** Weights and statistics: what replicas receive. */
  get dense(): readonly DenseOptimizer[] {
    return this.statistics ? [this.weights, this.statistics] : [this.weights];
  }

  /** Changes with every change of a weight or a statistic. */
  get version(): number {
    return this.dense.reduce((sum, { version }) => sum + version, 0);
  }

  /** Bytes of weights, their optimizer's state and the statistics. */
  get bytes(): number {
    return this.blocks().reduce((sum, { data }) => sum + data.byteLength, 0);
  }

  /** Fills `vectors` for the first `rows` rows of `x`; a vector's bits depend only on its row and the weights. */
  async decode(rows: number): Promise<void> {
    if (rows > 0) await this.graphs.infer.run(networkRows(rows));
  }

  /** Fills `vectors` for a training batch of `rows` rows. */
  async forward(rows: number): Promise<void> {
    this.rows = rows;
    this.folded = null;
    if (rows === 0) return;
    this.share.fill(1 / rows, 0, rows).fill(0, rows);
    this.batch[0] = this.followsBatch ? 1 : 0;
    await this.graphs.forward.run(networkRows(rows));
  }

  /** Propagates the `gradients` of the last `forward` back to the weights and the inputs; changes no weight. */
  async backward(): Promise<void> {
    const rows = networkRows(this.rows);
    if (rows === 0) return;
    this.matrices().gradients.fill(0, this.rows * this.outputs, rows * this.outputs);
    await this.graphs.backward.run(rows);
  }

  /** After `backward`: a copy of the gradients. */
  contribution(): DecoderContribution {
    const statistics = this.followsBatch ? this.statistics!.copyGradients() : null;
    return { rows: this.rows, weights: this.weights.copyGradients(), statistics };
  }

  /**
   * Sets the gradients to the sum of contributions times `factor`, and the statistics' differences to their mean
   * weighted by rows.
   */
  fold(parts: readonly DecoderContribution[], factor: number): void {
    const ran = parts.filter(({ rows }) => rows > 0);
    this.rows = ran.reduce((sum, { rows }) => sum + rows, 0);
    this.weights.sumGradients(ran.map(({ weights }) => weights));
    const following = ran.filter(({ statistics }) => statistics !== null);
    const all = following.reduce((sum, { rows }) => sum + rows, 0);
    this.statistics?.sumShares(
      following.map(({ statistics }) => statistics!),
      following.map(({ rows }) => rows / all),
    );
    this.folded = { factor, follows: following.length > 0 };
  }

  gradientsFinite(): boolean {
    if (this.rows === 0) return true;
    return this.weights.gradientsFinite() && (!this.followsBatch || this.statistics!.gradientsFinite());
  }

  /** One optimizer step with the mean of the gradients over the batch's rows (its distinct keys). */
  apply(): void {
    if (this.rows === 0) return;
    this.weights.step((this.folded?.factor ?? 1) / this.rows);
    if (this.followsBatch) this.statistics!.step(1);
  }

  blocks(): Block[] {
    return this.dense.flatMap((optimizer) => optimizer.blocks());
  }

  /** @throws HashbrookError checkpoint_damaged */
  restore(blocks: SavedBlocks): void {
    for (const optimizer of this.dense) optimizer.restore(blocks);
  }

  async close(): Promise<void> {
    for (const graph of Object.values(this.graphs)) await graph.close();
  }

  private get followsBatch(): boolean {
    return this.folded?.follows ?? (this.statistics !== null && this.rows >= FEWEST_ROWS);
  }

  private denseArrays(): Arrays {
    const arrays: Record<string, Float32Array> = { share: this.share, batch: this.batch };
    for (const optimizer of this.dense) {
      for (const [name, { data }] of Object.entries(optimizer.parameters())) arrays[name] = data;
      for (const [name, { data }] of Object.entries(optimizer.gradients())) arrays[`d_${name}`] = data;
    }
    return arrays;
  }
}

function arraysOf({ x, vectors, gradients, inputGradients }: SmallNetworkMatrices, fixed: Arrays): Arrays {
  return { ...fixed, x, vectors, d_vectors: gradients, ...(inputGradients ? { d_x: inputGradients } : {}) };
}
