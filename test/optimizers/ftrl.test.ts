import { describe, expect, it } from "vitest";
import { DenseOptimizer } from "../../src/optimizers/dense.js";
import fc from "../properties.js";

const bytes = (values: readonly number[]): { data: Uint8Array } => ({
  data: new Uint8Array(Float32Array.from(values).buffer),
});

interface Setting {
  readonly alpha: number;
  readonly beta: number;
  readonly l1?: number;
  readonly l2?: number;
  readonly l21?: number;
}

/** An FTRL optimizer over a vector of `size` weights in state (z, n), which starts at 0. */
function ftrlOf(setting: Setting, size: number, state: { z?: number[]; n?: number[] } = {}) {
  const spec = { kind: "ftrl", l1: 0, l2: 0, l21: 0, ...setting } as const;
  const dense = new DenseOptimizer(spec, [{ name: "w", shape: [size], initial: new Float32Array(size) }]);
  const zeros = Array<number>(size).fill(0);
  dense.restore(
    new Map([
      ["dense/w/w", bytes(zeros)],
      ["dense/w/z", bytes(state.z ?? zeros)],
      ["dense/w/n", bytes(state.n ?? zeros)],
    ]),
  );
  const slot = (name: string): number[] => {
    const block = dense.blocks().find((candidate) => candidate.name === `dense/w/${name}`)!;
    return [...new Float32Array(block.data.slice().buffer)];
  };
  const step = (gradient: readonly number[]): number[] => {
    dense.gradients().w.data.set(gradient);
    dense.step(1);
    return [...dense.parameters().w.data];
  };
  return { step, slot };
}

/** Relative to 1e-6, the precision of f32 after a few operations. */
function expectClose(found: readonly number[], expected: readonly number[]): void {
  expect(found.length).toBe(expected.length);
  found.forEach((x, i) => {
    expect(Math.abs(x - expected[i])).toBeLessThanOrEqual(1e-6 * Math.abs(expected[i]));
  });
}

describe("ftrl", () => {
  // Rows "g = 10, 10 …" are the expectation of Monolith's ftrl_optimizer_test.cc; the others were computed in f64 (algorithms.md 1.3).
  it("gives the golden vectors without regularisation, n from 0.1", () => {
    const { step } = ftrlOf({ alpha: 0.01, beta: 0 }, 2, { n: [0.1, 0.1] });
    expectClose(step([10, 1]), [-0.0099950037, -0.0095346259]);
    expectClose(step([10, 1]), [-0.0170643045, -0.0164352815]);
  });

  const gradients = [0.5, -0.3, 0.8, -0.1, 0.05];

  it("gives the golden vectors with beta, for both signs of z", () => {
    const { step, slot } = ftrlOf({ alpha: 0.1, beta: 1 }, 2);
    const expected = [-0.033333333, -0.014383115, -0.05458514, -0.049572577, -0.052077282];
    gradients.forEach((g, t) => {
      expectClose(step([g, -g]), [expected[t], -expected[t]]);
    });
    expectClose(slot("z"), [1.039589072, -1.039589072]);
    expectClose(slot("n"), [0.9925, 0.9925]);
  });

  it("gives the golden vectors with l1 and l2, for both signs of z", () => {
    const { step, slot } = ftrlOf({ alpha: 0.1, beta: 1, l1: 0.4, l2: 1 }, 2);
    const expected = [-0.00625, 0, -0.028957324, -0.024184026, -0.026569246];
    gradients.forEach((g, t) => {
      const [down, up] = step([g, -g]);
      expectClose([down, up], [expected[t], -expected[t]]);
    });
    expectClose(slot("z"), [0.956955935, -0.956955935]);
  });

  it("has weight 0, not -0, exactly while |z| is at most l1", () => {
    const above = 0.5 + 2 ** -24;
    const { step } = ftrlOf({ alpha: 0.1, beta: 1, l1: 0.5 }, 6, { z: [0.5, -0.5, 0, 0.25, above, -above] });
    const w = step([0, 0, 0, 0, 0, 0]);
    expect(w.slice(0, 4)).toEqual([0, 0, 0, 0]);
    expect(w[4]).toBeLessThan(0);
    expect(w[5]).toBe(-w[4]);
  });

  it("leaves z and n unchanged for a zero gradient", () => {
    const [z, n] = [
      [0.5, -0.75, 0],
      [0.25, 2, 0],
    ];
    const { step, slot } = ftrlOf({ alpha: 0.1, beta: 1, l1: 0.1, l2: 0.1 }, 3, { z, n });
    step([0, 0, 0]);
    expect(slot("z")).toEqual(z);
    expect(slot("n")).toEqual(n);
  });

  it("stays at 0 without gradients if beta and l2 are 0", () => {
    const { step } = ftrlOf({ alpha: 0.1, beta: 0 }, 2);
    expect(step([0, 0])).toEqual([0, 0]);
  });

  it("equals per-coordinate gradient descent with rate alpha / (beta + sqrt(n)) when l1 = l2 = 0", () => {
    const setting = {
      alpha: fc.double({ min: 0.01, max: 1, noNaN: true }),
      beta: fc.double({ min: 0.1, max: 2, noNaN: true }),
    };
    const gradients = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(fc.record(setting), gradients, ({ alpha, beta }, thousandths) => {
        const { step } = ftrlOf({ alpha, beta }, 1);
        let [w, n] = [0, 0];
        for (const g of thousandths.map((x) => Math.fround(x / 1000))) {
          n += g * g;
          w -= (alpha / (beta + Math.sqrt(n))) * g;
          expect(Math.abs(step([g])[0] - w)).toBeLessThan(alpha * 3e-5);
        }
      }),
      { seed: 1 },
    );
  });

  it.each([1, 0.01, 1e-4])("keeps a random initial weight through a gradient of %d", (g) => {
    const spec = { kind: "ftrl", alpha: 0.05, beta: 1, l1: 1e-3, l2: 1e-2, l21: 0 } as const;
    const initial = Float32Array.from([0.1, -0.2, 0.05, 0]);
    const dense = new DenseOptimizer(spec, [{ name: "w", shape: [4], initial }]);
    const start = dense.parameters().w.data.slice();
    dense.gradients().w.data.fill(g);
    dense.step(1);
    const moved = Array.from(dense.parameters().w.data, (w, i) => start[i] - w);
    const most = (spec.alpha * g) / (1 + g);
    for (const m of moved.slice(0, 3)) {
      expect(m).toBeGreaterThan(most * 0.9 - 1e-7);
      expect(m).toBeLessThan(most * 1.1 + spec.alpha * spec.l2 * 0.2 + 1e-7);
    }
  });
});

describe("ftrl with the group lasso", () => {
  const setting = { alpha: 0.1, beta: 1, l1: 0.05, l21: 0.1 };

  // algorithms.md 1.6, with the denominator (beta + sqrt(n)) / alpha + l2.
  it("gives the golden vector of a row that survives", () => {
    const { step } = ftrlOf(setting, 3, { z: [0.5, -0.3, 0.1], n: [0.25, 0.09, 0.01] });
    const found = step([0, 0, 0]);
    [-0.019953379, 0.012790628, -0.003023239].forEach((w, i) => {
      expect(Math.abs(found[i] - w)).toBeLessThan(1e-8);
    });
  });

  it("zeroes the whole row if its norm is below the threshold", () => {
    const { step } = ftrlOf(setting, 3, { z: [0.1, -0.1, 0.05], n: [0.01, 0.01, 0.01] });
    expect(step([0, 0, 0])).toEqual([0, 0, 0]);
  });

  it("does not count padding as weights of the row", () => {
    const threshold = 0.1 * Math.sqrt(3);
    const rest = [0.05, 0.05];
    const n = [0, 0, 0];
    const under = ftrlOf(setting, 3, { z: [0.05 + threshold * 0.999, ...rest], n });
    const over = ftrlOf(setting, 3, { z: [0.05 + threshold * 1.001, ...rest], n });
    expect(under.step([0, 0, 0])).toEqual([0, 0, 0]);
    expect(over.step([0, 0, 0])[0]).toBeLessThan(0);
  });

  it("with beta 0 gave NaN for every weight that starts at random: it starts at 0", () => {
    const spec = { kind: "ftrl", alpha: 0.1, beta: 0, l1: 0.05, l2: 0, l21: 0.1 } as const;
    const initial = Float32Array.from([0.01, -0.02, 0.03, 0.1, -0.05]);
    const dense = new DenseOptimizer(spec, [{ name: "w", shape: [5], initial }]);
    const step = (gradient: readonly number[]) => {
      dense.gradients().w.data.set(gradient);
      dense.step(1);
      return [...dense.parameters().w.data];
    };
    expect(step([0, 0, 0, 0, 0])).toEqual([0, 0, 0, 0, 0]);
    const [first, ...others] = step([-10, 0, 0, 0, 0]);
    // n = 100, z = -10 - l1: 10 (1 - 0.1 √5 / 10) 0.1 / √100
    expect(Math.abs(first - (10 - 0.1 * Math.sqrt(5)) / 100)).toBeLessThan(1e-7);
    expect(others).toEqual([0, 0, 0, 0]);
  });
});
