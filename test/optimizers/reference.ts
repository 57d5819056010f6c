import type { OptimizerSpec } from "../../src/spec/compiled.js";

/**
 * Scalar references of the optimizer kernels: the same f32 operations in the same order, one weight at a time, written
 * from the equations. Sums over a row go into four partial sums, as four lanes do.
 */

const f = Math.fround;

/** A row: its slots by name, each f32[dim] (a shared accumulator: f32[1]). */
export type State = Record<string, number[]>;

export interface ReferenceOptimizer {
  /** The state of a fresh row with these initial weights. */
  create(initial: readonly number[]): State;
  weights(state: State): number[];
  beginStep(): void;
  update(state: State, gradient: readonly number[]): void;
}

/** Sum of f32 numbers in the order of a four-lane loop. */
export function laneSum(values: readonly number[]): number {
  const lanes = [0, 0, 0, 0];
  values.forEach((x, i) => {
    lanes[i % 4] = f(lanes[i % 4] + x);
  });
  return f(f(lanes[0] + lanes[1]) + f(lanes[2] + lanes[3]));
}

const square = (x: number): number => f(x * x);
const length = (x: readonly number[]): number =>
  x.length === 1 ? Math.abs(x[0]) : f(Math.sqrt(laneSum(x.map(square))));

export function referenceOptimizer(spec: OptimizerSpec): ReferenceOptimizer {
  switch (spec.kind) {
    case "ftrl":
      return ftrl(spec);
    case "adam":
      return adam(spec);
    case "sgd":
      return stored(
        () => ({}),
        (s, g) => {
          const rate = f(spec.learning_rate);
          s.w = s.w.map((w, i) => f(w - f(rate * g[i])));
        },
      );
    case "adagrad":
      return stored(
        (dim) => ({ accumulator: Array(dim).fill(f(spec.initial_accumulator)) }),
        (s, g) => {
          const [rate, epsilon] = [f(spec.learning_rate), f(spec.epsilon)];
          s.accumulator = s.accumulator.map((a, i) => f(a + square(g[i])));
          s.w = s.w.map((w, i) => f(w - f(f(rate * g[i]) / f(f(Math.sqrt(s.accumulator[i])) + epsilon))));
        },
      );
    case "rowwise_adagrad":
      return stored(
        () => ({ accumulator: [f(spec.initial_accumulator)] }),
        (s, g) => {
          s.accumulator[0] = f(s.accumulator[0] + f(laneSum(g.map(square)) / g.length));
          const size = f(f(spec.learning_rate) / f(f(Math.sqrt(s.accumulator[0])) + f(spec.epsilon)));
          s.w = s.w.map((w, i) => f(w - f(size * g[i])));
        },
      );
  }
}

/** An optimizer that keeps its weights in slot w. */
function stored(slots: (dim: number) => State, update: ReferenceOptimizer["update"]): ReferenceOptimizer {
  return {
    create: (initial) => ({ w: [...initial], ...slots(initial.length) }),
    weights: (state) => [...state.w],
    beginStep: () => {},
    update,
  };
}

function adam(spec: Extract<OptimizerSpec, { kind: "adam" }>): ReferenceOptimizer {
  const [b1, b2, c1, c2] = [spec.beta1, spec.beta2, 1 - spec.beta1, 1 - spec.beta2].map(f);
  let [power1, power2] = [1, 1];
  const optimizer = stored(
    (dim) => ({ m: Array(dim).fill(0), v: Array(dim).fill(0) }),
    (s, g) => {
      const correction = Math.sqrt(1 - power2);
      const size = f((f(spec.learning_rate) * correction) / (1 - power1));
      const epsilon = f(f(spec.epsilon) * correction);
      s.m = s.m.map((m, i) => f(f(b1 * m) + f(c1 * g[i])));
      s.v = s.v.map((v, i) => f(f(b2 * v) + f(f(c2 * g[i]) * g[i])));
      s.w = s.w.map((w, i) => f(w - f(f(size * s.m[i]) / f(f(Math.sqrt(s.v[i])) + epsilon))));
    },
  );
  const beginStep = (): void => {
    power1 *= spec.beta1;
    power2 *= spec.beta2;
  };
  return { ...optimizer, beginStep };
}

function ftrl(spec: Extract<OptimizerSpec, { kind: "ftrl" }>): ReferenceOptimizer {
  const [inverse, beta, l1, l2] = [1 / spec.alpha, spec.beta, spec.l1, spec.l2].map(f);
  const threshold = (dim: number): number => f(spec.l21 * Math.sqrt(dim));
  const denominator = (n: number): number => f(f(f(beta + f(Math.sqrt(n))) * inverse) + l2);
  const soft = (z: number): number => Math.max(f(Math.abs(z) - l1), 0);

  const weights = ({ z, n }: State): number[] => {
    let sizes = z.map(soft);
    if (spec.l21 > 0) {
      const norm = length(sizes);
      const t = threshold(z.length);
      const shrink = norm > t ? f(1 - f(t / norm)) : 0;
      sizes = sizes.map((u) => f(shrink * u));
    }
    return sizes.map((u, i) => (u > 0 ? -Math.sign(z[i]) * f(u / denominator(n[i])) : 0));
  };
  return {
    weights,
    beginStep: () => {},
    create: (initial) => {
      const norm = length(initial);
      const t = spec.l21 > 0 && norm > 0 && denominator(0) > 0 ? f(threshold(initial.length) / norm) : 0;
      const slope = f(denominator(0) + t);
      const z = initial.map((w) => (w === 0 ? 0 : -Math.sign(w) * f(f(Math.abs(w) * slope) + l1)));
      return { z, n: initial.map(() => 0) };
    },
    update: (state, g) => {
      const w = weights(state);
      g.forEach((gi, i) => {
        const before = state.n[i];
        const after = f(before + square(gi));
        const sigma = f(f(f(Math.sqrt(after)) - f(Math.sqrt(before))) * inverse);
        state.z[i] = f(state.z[i] + f(gi - f(sigma * w[i])));
        state.n[i] = after;
      });
    },
  };
}
