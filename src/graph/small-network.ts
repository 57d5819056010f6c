import { Rng } from "../core/rng.js";
import { gradients } from "./differentiate.js";
import { Graph, type Tensor, type TensorOf } from "./graph.js";
import type { Parameter } from "./layers.js";

/** A decoder's shape and initialisation. */
export interface SmallNetworkShape {
  /** Prefix of the weights' names: `<name>.0.w`, … */
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  /** Hidden layers; 0 makes a projection x · w without a bias. */
  readonly depth: number;
  readonly width: number;
  readonly activation: "mish" | "relu";
  readonly batchNorm: boolean;
  /** Whether the inputs are learned too. */
  readonly learnsInputs: boolean;
  /** Mean square of an input. */
  readonly inputPower: number;
  /** Mean square of an initial output. */
  readonly outputPower: number;
}

/** A decoder's graphs and initial weights. Every graph has input `x` [B, inputs] and the parameters it needs. */
export interface SmallNetworkGraphs {
  readonly parameters: readonly Parameter[];
  /** Running mean and variance of every normalised layer, `<name>.<layer>.mean` and `.variance`; none without batch norm. */
  readonly statistics: readonly Parameter[];
  /** Output `vectors` [B, outputs], normalised by the running statistics: a row does not depend on the others. */
  readonly infer: Graph;
  /**
   * Output `vectors` of a training batch. With batch norm also inputs `share` [B, 1], a row's part of the batch (1 / rows, 0 for
   * padding), and `batch` [1], 1 to normalise by the batch's statistics or 0 by the running ones; and for every statistic the
   * output `d_<statistic>`, the running less the batch's value.
   */
  readonly forward: Graph;
  /** `forward`'s inputs and `d_vectors` [B, outputs]; outputs `d_<parameter>`, summed over the rows; `d_x` if inputs are learned. */
  readonly backward: Graph;
}

/** Added to the variance of batch norm, as in PyTorch. */
const EPSILON = 1e-5;
/** Mean square of an activation of standard normal inputs. */
const POWER = { relu: 0.5, mish: 0.4523 } as const;

/**
 * The decoder of a deep hash embedding (Kang et al. 2021): depth × [linear, batch norm, activation], linear. Weights are
 * uniform, with a variance that makes the inputs of every activation roughly standard normal, and outputs of the given power
 * (He et al. 2015).
 * @param seed the weights' seed: same seed, same shape, same bytes
 */
export function buildSmallNetwork(shape: SmallNetworkShape, seed: number): SmallNetworkGraphs {
  const running = new DecoderLayers(shape, seed, "running");
  running.graph.output("vectors", running.decode());
  const forward = new DecoderLayers(shape, seed, "batch");
  forward.graph.output("vectors", forward.decode());
  for (const { name, d } of forward.deviations) forward.graph.output(`d_${name}`, d);
  const { parameters, statistics } = running;
  return { parameters, statistics, infer: running.graph, forward: forward.graph, backward: backwardOf(shape, seed) };
}

/**
 * Repeats the forward pass: that costs a quarter of a step, while keeping it would mean copying every activation out and in.
 */
function backwardOf(shape: SmallNetworkShape, seed: number): Graph {
  const layers = new DecoderLayers(shape, seed, "batch");
  const { graph } = layers;
  const vectors = layers.decode();
  const seeds = graph.input("d_vectors", vectors.shape);
  const learned = graph.parameters.filter(({ name }) => layers.parameters.some((parameter) => parameter.name === name));
  const wrt = [...(shape.learnsInputs ? [layers.x] : []), ...learned];
  gradients(graph, [[vectors, seeds]], wrt).forEach((d, i) => {
    graph.output(`d_${wrt[i].name}`, d);
  });
  return graph;
}

/** Adds a decoder's layers to a graph, and collects its weights. */
class DecoderLayers {
  readonly graph = new Graph();
  readonly x: TensorOf<"input">;
  readonly parameters: Parameter[] = [];
  readonly statistics: Parameter[] = [];
  /** Running minus batch statistics, by the statistic's name. */
  readonly deviations: { readonly name: string; readonly d: Tensor }[] = [];
  private readonly shape: SmallNetworkShape;
  private readonly rng: Rng;
  private readonly share: Tensor | null;
  private readonly batch: Tensor | null;

  constructor(shape: SmallNetworkShape, seed: number, normalisedBy: "batch" | "running") {
    this.shape = shape;
    this.rng = new Rng(seed);
    this.x = this.graph.input("x", ["B", shape.inputs]);
    const byBatch = shape.batchNorm && shape.depth > 0 && normalisedBy === "batch";
    this.share = byBatch ? this.graph.input("share", ["B", 1]) : null;
    this.batch = byBatch ? this.graph.input("batch", [1]) : null;
  }

  /** The vectors [B, outputs]. */
  decode(): Tensor {
    const { depth, width, activation, batchNorm, inputPower, outputPower, outputs } = this.shape;
    let power = inputPower;
    let h: Tensor = this.x;
    for (let layer = 0; layer < depth; layer++) {
      const linear = this.linear(h, String(layer), width, { power, target: 1, bias: !batchNorm });
      h = this.graph[activation](batchNorm ? this.normalise(linear, String(layer)) : linear);
      power = POWER[activation];
    }
    return this.linear(h, String(depth), outputs, { power, target: outputPower, bias: depth > 0 });
  }

  private linear(
    x: Tensor,
    layer: string,
    width: number,
    { power, target, bias }: { power: number; target: number; bias: boolean },
  ): Tensor {
    const inputs = x.shape[1] as number;
    const limit = Math.sqrt((3 * target) / (inputs * power));
    const draw = () => (2 * this.rng.uniform() - 1) * limit;
    const w = this.parameter(`${layer}.w`, [inputs, width], Float32Array.from({ length: inputs * width }, draw));
    if (!bias) return this.graph.gemm(x, w);
    return this.graph.gemm(x, w, { bias: this.parameter(`${layer}.b`, [width], new Float32Array(width)) });
  }

  /** Batch norm (Ioffe & Szegedy 2015): (x - mean) · gamma / sqrt(variance + epsilon) + beta. */
  private normalise(x: Tensor, layer: string): Tensor {
    const { graph } = this;
    const width = x.shape[1] as number;
    const gamma = this.parameter(`${layer}.gamma`, [1, width], new Float32Array(width).fill(1));
    const beta = this.parameter(`${layer}.beta`, [1, width], new Float32Array(width));
    const mean = this.statistic(`${layer}.mean`, x, 0);
    const centered = graph.sub(x, mean);
    const variance = this.statistic(`${layer}.variance`, graph.mul(centered, centered), 1);
    const deviation = graph.sqrt(graph.add(variance, graph.constant([1], [EPSILON])));
    return graph.add(graph.mul(centered, graph.div(gamma, deviation)), beta);
  }

  /**
   * The mean of a column: the batch's or the running one. Computed as a product with the rows' shares, because onnxruntime's
   * reductions round depending on a row's position in memory, and padding rows must not count.
   */
  private statistic(name: string, x: Tensor, initial: number): Tensor {
    const { graph, share, batch } = this;
    const shape = [1, x.shape[1] as number];
    const full = `${this.shape.name}.${name}`;
    this.statistics.push({ name: full, shape, initial: new Float32Array(shape[1]).fill(initial) });
    const running = graph.parameter(full, shape);
    if (!share || !batch) return running;
    const mean = graph.gemm(share, x, { transA: true });
    this.deviations.push({ name: full, d: graph.sub(running, mean) });
    const rest = graph.sub(graph.constant([1], [1]), batch);
    return graph.add(graph.mul(mean, batch), graph.mul(running, rest));
  }

  private parameter(name: string, shape: readonly number[], initial: Float32Array): Tensor {
    const full = `${this.shape.name}.${name}`;
    this.parameters.push({ name: full, shape, initial });
    return this.graph.parameter(full, shape);
  }
}
