import { expect, it } from "vitest";
import { createEncoding } from "../../src/encodings/create.js";
import { NO_TIME } from "../../src/tables/encoding.js";
import type { EncodingBase } from "../../src/tables/spec.js";

const DIM = 4;
const KEYS = BigUint64Array.of(3n, 5n);
const WEIGHTS = Float32Array.of(0.5, -0.25, 0, 1, -2, 0.125, 3, -0.0625);

const specOf = (options: Partial<EncodingBase>, ftrl: object): EncodingBase => ({
  name: "t",
  encoding: "exact",
  rows: 16,
  dim: DIM,
  init: 0.01,
  seed: "0123456789abcdef",
  optimizer: { kind: "ftrl", alpha: 0.1, beta: 0, l1: 0, l2: 0, l21: 0, ...ftrl },
  ...options,
});

it.each([
  [{}, {}],
  [{}, { l1: 0.01 }],
  [{}, { l21: 0.01 }],
  [{ encoding: "hash" }, {}],
  [{ precision: "f16", rounding: "nearest" }, {}],
  [{}, { beta: 1 }],
] as const)(
  "vectors given to a table (migrated, of --init-table, a prior's bias) were lost with ftrl's beta 0: %o %o keeps and learns them",
  async (options, ftrl) => {
    const table = await createEncoding(specOf(options, ftrl), {
      capacity: 8,
      learns: true,
      serving: false,
      runtime: "onnxruntime",
    });
    table.owned?.plant({ keys: KEYS, weights: WEIGHTS });
    if (!table.owned) table.stores[0].plant({ keys: KEYS, weights: WEIGHTS });
    const vectors = async (mode: "learn" | "score") => {
      table.keys.set(KEYS);
      await table.gather(KEYS.length, mode, NO_TIME);
      return [...table.vectors.subarray(0, WEIGHTS.length)];
    };
    const near = (found: readonly number[], expected: readonly number[]) =>
      found.forEach((x, i) => {
        expect(Math.abs(x - expected[i])).toBeLessThan(0.02 * Math.max(1, Math.abs(expected[i])));
      });
    near(await vectors("score"), [...WEIGHTS]);
    await vectors("learn");
    table.gradients.fill(0).set([1], 1);
    await table.backward();
    table.apply();
    // AdaGrad's first step is the rate; with beta 1 half of it.
    const step = "beta" in ftrl ? 0.05 : 0.1;
    near(
      await vectors("score"),
      [...WEIGHTS].map((w, i) => (i === 1 ? w - step : w)),
    );
    await table.close();
  },
);
