import { sigmoid } from "../../src/metrics/kernel.js";
import type { OptimizerSpec } from "../../src/spec/compiled.js";

/** lr and fm in plain code, with every operation rounded to f32 and in the kernels' order: the kernels must equal it bit for bit. */

const f = Math.fround;
const M64 = (1n << 64n) - 1n;

export interface Feature {
  readonly key: bigint;
  readonly x: number;
}

export interface ReferenceOptions {
  readonly kind: "lr" | "fm";
  readonly factors: number;
  readonly optimizer: OptimizerSpec;
  readonly seed: bigint;
  readonly init: number;
  /** null: an exact table. */
  readonly rows: bigint | null;
}

/** Sum of lanes ((0 + 1) + (2 + 3)) of the partial sums of every fourth value. */
function laneSum(values: ArrayLike<number>): number {
  const lanes = [0, 0, 0, 0];
  for (let i = 0; i < values.length; i++) lanes[i & 3] = f(lanes[i & 3] + values[i]);
  return f(f(lanes[0] + lanes[1]) + f(lanes[2] + lanes[3]));
}

function mix(x: bigint): bigint {
  let y = ((x ^ (x >> 30n)) * 0xbf58476d1ce4e5b9n) & M64;
  y = ((y ^ (y >> 27n)) * 0x94d049bb133111ebn) & M64;
  return y ^ (y >> 31n);
}

export class Reference {
  private readonly options: ReferenceOptions;
  private readonly lanes: number;
  /** Number of initially drawn weights; the group lasso and row-wise AdaGrad count these. */
  private readonly dim: number;
  private readonly rows = new Map<bigint, Float32Array[]>();
  private steps = [1, 1];
  /** Events that updated nothing because a value was not finite. */
  skipped = 0;

  constructor(options: ReferenceOptions) {
    this.options = options;
    this.dim = options.kind === "lr" ? 1 : options.factors;
    this.lanes = options.kind === "lr" ? 1 : (options.factors + 4) & ~3;
  }

  /**
   * Returns the logit; learns unless `label` is null.
   * @param wide a linear part, and its features of the event
   */
  event(
    features: readonly Feature[],
    label: number | null,
    importance = 1,
    wide?: { readonly reference: Reference; readonly features: readonly Feature[] },
  ): number {
    const parts = [this.read(features, label !== null)];
    if (wide) parts.push(wide.reference.read(wide.features, label !== null));
    const logit = parts.map((part) => part.logit).reduce((a, b) => f(a + b));
    if (label === null) return logit;
    const g = f(f(sigmoid(Float32Array.of(logit))[0] - label) * importance);
    const learners = parts.map(({ learner }) => learner(g));
    if (!Number.isFinite(logit) || learners.includes(null)) this.skipped++;
    else for (const learn of learners) learn!();
    return logit;
  }

  /** An event's logit, and a function that learns from its gradient: null if one of the weights is too large. */
  private read(features: readonly Feature[], keep: boolean) {
    const rows = features.map(({ key }) => this.row(key, keep));
    const xs = features.map(({ x }) => f(x));
    const weights = rows.map((row) => this.weights(row));
    const { logit, sums } = this.logit(weights, xs);
    const learner = (g: number): (() => void) | null => {
      const gradients = weights.map((w, i) => this.gradient(w, xs[i], g, sums));
      if (gradients.some((row) => row.some((v) => !(Math.abs(v) <= f(1e15))))) return null;
      return () => {
        this.beginStep();
        rows.forEach((row, i) => {
          this.update(row, weights[i], this.clip(row, gradients[i]));
        });
      };
    };
    return { logit, learner };
  }

  weightsOf(key: bigint): Float32Array {
    return this.weights(this.row(key, false));
  }

  private logit(weights: Float32Array[], xs: number[]): { logit: number; sums: Float32Array } {
    const sums = new Float32Array(this.lanes);
    if (this.options.kind === "lr") return { logit: laneSum(weights.map(([w], i) => f(w * xs[i]))), sums };
    const squares = new Float32Array(this.lanes);
    weights.forEach((w, i) => {
      for (let k = 0; k < this.lanes; k++) {
        const vx = f(w[k] * xs[i]);
        sums[k] += vx;
        squares[k] += f(vx * vx);
      }
    });
    const linear = sums[this.dim];
    const pairs = sums.map((s, k) => (k === this.dim ? 0 : f(f(s * s) - squares[k])));
    return { logit: f(linear + f(0.5 * laneSum(pairs))), sums };
  }

  private gradient(w: Float32Array, x: number, g: number, sums: Float32Array): Float32Array {
    const gx = f(g * x);
    if (this.options.kind === "lr") return Float32Array.of(gx);
    return w.map((v, k) => (k === this.dim ? gx : f(gx * f(sums[k] - f(v * x)))));
  }

  private row(key: bigint, keep: boolean): Float32Array[] {
    const id = this.options.rows === null ? key : key % this.options.rows;
    const found = this.rows.get(id);
    if (found) return found;
    const row = this.birth(id);
    if (keep) this.rows.set(id, row);
    return row;
  }

  private birth(id: bigint): Float32Array[] {
    const { optimizer, seed, init } = this.options;
    const w = new Float32Array(this.lanes);
    let state = id ^ seed;
    for (let i = 0; i < this.dim; i++) {
      state = (state + 0x9e3779b97f4a7c15n) & M64;
      const odd = 2 * Number(mix(state) >> 40n) + 1 - 2 ** 24;
      w[i] = f(init) * f(odd * 2 ** -24);
    }
    const zeros = new Float32Array(this.lanes);
    switch (optimizer.kind) {
      case "ftrl":
        return [this.ftrlStart(w, optimizer), zeros];
      case "adagrad":
        return [w, zeros.fill(optimizer.initial_accumulator)];
      case "rowwise_adagrad":
        return [w, Float32Array.of(optimizer.initial_accumulator)];
      case "adam":
        return [w, zeros, zeros.slice()];
      case "sgd":
        return [w];
    }
  }

  private norm(values: Float32Array): number {
    return this.lanes === 1 ? Math.abs(values[0]) : f(Math.sqrt(laneSum(values.map((v) => f(v * v)))));
  }

  private threshold(l21: number): number {
    return f(l21 * Math.sqrt(this.dim));
  }

  private ftrlStart(w: Float32Array, { alpha, beta, l1, l2, l21 }: OptimizerSpec & { kind: "ftrl" }): Float32Array {
    const norm = this.norm(w);
    const t = this.threshold(l21);
    const group = t > 0 && norm > 0 ? f(t / norm) : 0;
    const slope = f(f(f(f(beta) * f(1 / alpha)) + f(l2)) + group);
    return w.map((v) => (v === 0 ? 0 : -Math.sign(v) * f(f(Math.abs(v) * slope) + f(l1))));
  }

  private weights([first, n]: Float32Array[]): Float32Array {
    const { optimizer } = this.options;
    if (optimizer.kind !== "ftrl") return first.slice();
    const { beta, l1, l2, l21 } = optimizer;
    const inverse = f(1 / optimizer.alpha);
    const size = first.map((z) => Math.max(f(Math.abs(z) - f(l1)), 0));
    const norm = this.norm(size);
    const t = this.threshold(l21);
    if (l21 > 0 && !(norm > t)) return new Float32Array(this.lanes);
    const shrink = l21 > 0 ? f(1 - f(t / norm)) : 1;
    return first.map((z, k) => {
      const d = f(f(f(f(beta) + f(Math.sqrt(n[k]))) * inverse) + f(l2));
      const w = f(f(shrink * size[k]) / d);
      return size[k] > 0 ? (z > 0 ? -w : w) : 0;
    });
  }

  /** Limits gradients to 10 + sqrt(n), like the kernels for events whose largest gradient may exceed 10. */
  private clip([, b, c]: Float32Array[], g: Float32Array): Float32Array {
    const { optimizer } = this.options;
    return g.map((v, k) => {
      let root: number;
      if (optimizer.kind === "sgd") root = f(1 / f(optimizer.learning_rate));
      else if (optimizer.kind === "adam") root = f(10 * f(Math.sqrt(c[k])));
      else root = f(Math.sqrt(b[optimizer.kind === "rowwise_adagrad" ? 0 : k]));
      const most = f(10 + root);
      return Math.max(-most, Math.min(most, v));
    });
  }

  private beginStep(): void {
    const { optimizer } = this.options;
    if (optimizer.kind !== "adam") return;
    this.steps = [this.steps[0] * optimizer.beta1, this.steps[1] * optimizer.beta2];
  }

  private update(row: Float32Array[], w: Float32Array, g: Float32Array): void {
    const { optimizer } = this.options;
    const [a, b, c] = row;
    const lanes = Array.from({ length: this.lanes }, (_, k) => k);
    switch (optimizer.kind) {
      case "ftrl":
        for (const k of lanes) {
          const after = f(b[k] + f(g[k] * g[k]));
          const sigma = f(f(f(Math.sqrt(after)) - f(Math.sqrt(b[k]))) * f(1 / optimizer.alpha));
          a[k] += f(g[k] - f(sigma * w[k]));
          b[k] = after;
        }
        break;
      case "adagrad":
        for (const k of lanes) {
          b[k] += f(g[k] * g[k]);
          a[k] -= f(f(f(optimizer.learning_rate) * g[k]) / f(f(Math.sqrt(b[k])) + f(optimizer.epsilon)));
        }
        break;
      case "rowwise_adagrad": {
        const squares = g.map((v) => f(v * v));
        b[0] += this.lanes === 1 ? squares[0] : f(laneSum(squares) / this.dim);
        const rate = f(f(optimizer.learning_rate) / f(f(Math.sqrt(b[0])) + f(optimizer.epsilon)));
        for (const k of lanes) a[k] -= f(rate * g[k]);
        break;
      }
      case "adam": {
        const { beta1, beta2 } = optimizer;
        const correction = Math.sqrt(1 - this.steps[1]);
        const size = f((f(optimizer.learning_rate) * correction) / (1 - this.steps[0]));
        const epsilon = f(f(optimizer.epsilon) * correction);
        for (const k of lanes) {
          b[k] = f(f(beta1) * b[k]) + f(f(1 - beta1) * g[k]);
          c[k] = f(f(beta2) * c[k]) + f(f(f(1 - beta2) * g[k]) * g[k]);
          a[k] -= f(f(size * b[k]) / f(f(Math.sqrt(c[k])) + epsilon));
        }
        break;
      }
      case "sgd":
        for (const k of lanes) a[k] -= f(f(optimizer.learning_rate) * g[k]);
    }
  }
}
