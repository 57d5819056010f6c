import { Rng } from "../core/rng.js";
import type { Graph, Tensor } from "./graph.js";

/** A dense weight of a tower and the value training starts from. */
export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly initial: Float32Array;
}

/**
 * The layers towers are made of. Each adds its weights to the graph and to `parameters`; initial values come from one
 * random stream in the order the layers are made, so they are a function of the seed and the tower.
 */
export class Layers {
  readonly graph: Graph;
  readonly parameters: Parameter[] = [];
  readonly #rng: Rng;

  constructor(graph: Graph, seed: number) {
    this.graph = graph;
    this.#rng = new Rng(seed);
  }

  /** relu(x · w + b), w [width of x, width] by He et al. 2015: uniform in ±sqrt(6 / inputs). */
  dense(x: Tensor, name: string, width: number): Tensor {
    const inputs = x.shape[1] as number;
    return this.graph.relu(this.#affine(x, name, width, Math.sqrt(6 / inputs)));
  }

  /** x · w + b, w by Glorot & Bengio 2010: uniform in ±sqrt(6 / (inputs + width)). */
  linear(x: Tensor, name: string, width: number): Tensor {
    const inputs = x.shape[1] as number;
    return this.#affine(x, name, width, Math.sqrt(6 / (inputs + width)));
  }

  /** x · w without a bias, Glorot. */
  projection(x: Tensor, name: string, width: number): Tensor {
    const inputs = x.shape[1] as number;
    return this.graph.gemm(x, this.#weight(`${name}.w`, [inputs, width], Math.sqrt(6 / (inputs + width))));
  }

  /** Dense layers `<name>.0`, `<name>.1` ... of these widths. */
  mlp(x: Tensor, name: string, widths: readonly number[]): Tensor {
    return widths.reduce((h, width, i) => this.dense(h, `${name}.${i}`, width), x);
  }

  #affine(x: Tensor, name: string, width: number, limit: number): Tensor {
    const w = this.#weight(`${name}.w`, [x.shape[1] as number, width], limit);
    const bias = this.#add(`${name}.b`, [width], new Float32Array(width));
    return this.graph.gemm(x, w, { bias });
  }

  #weight(name: string, shape: readonly [number, number], limit: number): Tensor {
    const draw = () => (2 * this.#rng.uniform() - 1) * limit;
    return this.#add(name, shape, Float32Array.from({ length: shape[0] * shape[1] }, draw));
  }

  #add(name: string, shape: readonly number[], initial: Float32Array): Tensor {
    this.parameters.push({ name, shape, initial });
    return this.graph.parameter(name, shape);
  }
}
