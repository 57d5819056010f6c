import { Rng } from "../core/rng.js";
import type { Graph, Tensor } from "./graph.js";

/** A dense weight of a tower and its initial values, row-major. */
export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly initial: Float32Array;
}

/**
 * The layers that towers consist of. Each adds its weights to the graph and to `parameters`; initial values come from one
 * random stream in the order in which layers are made, so they are a function of the seed and the tower.
 *
 * Weights and biases start uniform in ±1/√inputs (the rule of PyTorch's Linear; LeCun et al. 1998 has a factor √3). Embeddings
 * start near zero, so random biases are what first breaks the symmetry between units: on Globo one pass of Deep Crossing ends
 * 0.003 AUC above one that uses He's and Glorot's limits with zero biases.
 */
export class Layers {
  readonly graph: Graph;
  readonly parameters: Parameter[] = [];
  private readonly rng: Rng;

  constructor(graph: Graph, seed: number) {
    this.graph = graph;
    this.rng = new Rng(seed);
  }

  /** relu(x · w + b) */
  dense(x: Tensor, name: string, width: number): Tensor {
    return this.graph.relu(this.linear(x, name, width));
  }

  /** x · w + b, w [width of x, width] */
  linear(x: Tensor, name: string, width: number): Tensor {
    const inputs = x.shape[1] as number;
    const w = this.weight(`${name}.w`, [inputs, width], inputs);
    return this.graph.gemm(x, w, { bias: this.weight(`${name}.b`, [width], inputs) });
  }

  /** x · w */
  projection(x: Tensor, name: string, width: number): Tensor {
    const inputs = x.shape[1] as number;
    return this.graph.gemm(x, this.weight(`${name}.w`, [inputs, width], inputs));
  }

  /** Dense layers `<name>.0`, `<name>.1` ... of these widths. */
  mlp(x: Tensor, name: string, widths: readonly number[]): Tensor {
    return widths.reduce((h, width, i) => this.dense(h, `${name}.${i}`, width), x);
  }

  /** A weight that starts uniform in ±1/√inputs. */
  weight(name: string, shape: readonly number[], inputs: number): Tensor {
    const limit = 1 / Math.sqrt(inputs);
    const length = shape.reduce((product, side) => product * side, 1);
    const initial = new Float32Array(length);
    for (let i = 0; i < length; i++) initial[i] = (2 * this.rng.uniform() - 1) * limit;
    this.parameters.push({ name, shape, initial });
    return this.graph.parameter(name, shape);
  }
}
