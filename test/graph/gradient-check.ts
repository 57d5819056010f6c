import { expect } from "vitest";
import type { Rng } from "../../src/core/rng.js";
import type { Tensor } from "../../src/graph/graph.js";
import { evaluate, type Value } from "../towers/reference.js";

/** Uniform values in [-1, 1), none closer to 0 than 0.01, so that a difference step does not cross relu's corner by itself. */
export function randomValue(rng: Rng, shape: readonly number[]): Value {
  const size = shape.reduce((a, b) => a * b, 1);
  const draw = () => {
    const u = 2 * rng.uniform() - 1;
    return u < 0 ? u - 0.01 : u + 0.01;
  };
  return { shape, data: Float64Array.from({ length: size }, draw) };
}

/**
 * Compares gradients with central differences of `objective`, the scalar they belong to, both in double precision.
 *
 * With step 1e-5 a central difference is off by about step² · f''' (1e-10) plus rounding, 1e-16 · |f| / step (1e-11), so a
 * relative error under 1e-4 of the tensor's largest gradient is far above the noise and far below any wrong rule. An element
 * whose step crosses a corner of relu shows two differing one-sided differences and is left out; at most 2 % may be.
 */
export function checkGradients(
  feeds: ReadonlyMap<string, Value>,
  rows: number,
  objective: () => number,
  pairs: readonly { readonly name: string; readonly gradient: Tensor }[],
): void {
  const STEP = 1e-5;
  const found = evaluate(
    feeds,
    rows,
    pairs.map(({ gradient }) => gradient),
  );
  pairs.forEach(({ name }, p) => {
    const { data } = feeds.get(name)!;
    const gradient = found[p].data;
    const scale = Math.max(1e-3, ...gradient.map(Math.abs));
    const middle = objective();
    const elements = sample(data.length);
    let corners = 0;
    for (const i of elements) {
      const original = data[i];
      data[i] = original + STEP;
      const above = objective();
      data[i] = original - STEP;
      const below = objective();
      data[i] = original;
      const [left, right] = [(middle - below) / STEP, (above - middle) / STEP];
      if (Math.abs(left - right) > 1e-3 * scale) corners++;
      else expect(Math.abs((left + right) / 2 - gradient[i]) / scale, `${name}[${i}]`).toBeLessThan(1e-4);
    }
    expect(corners, `corners of relu in ${name}`).toBeLessThanOrEqual(Math.ceil(elements.length * 0.02));
  });
}

/** All elements of a small tensor, every so many of a large one. */
function sample(length: number): number[] {
  const stride = Math.max(1, Math.floor(length / 60));
  return Array.from({ length: Math.ceil(length / stride) }, (_, i) => i * stride);
}
