import { describe, expect, it } from "vitest";
import { StoreDifference } from "../../src/tables/difference.js";
import { ExactStore } from "../../src/tables/exact-store.js";
import { servingPrecisions } from "../../src/tables/row-store.js";

const spec = {
  name: "ids",
  encoding: "exact",
  rows: 8,
  dim: 2,
  init: 0,
  seed: "0000000000000007",
  optimizer: { kind: "sgd", learning_rate: 0.1 },
} as const;

it("finds missing, different and extra rows of a store, for any chunks", () => {
  const store = new ExactStore(spec, { serving: true });
  store.put({ keys: BigUint64Array.of(1n, 2n, 3n, 4n), weights: Float32Array.of(1, 1, 2, 2, 3, 3, -0, 4) });
  const difference = new StoreDifference(store);
  const first = difference.differing({ keys: BigUint64Array.of(2n, 9n), weights: Float32Array.of(2, 2, 9, 9) });
  const second = difference.differing({ keys: BigUint64Array.of(4n, 1n), weights: Float32Array.of(0, 4, 1, 1) });
  expect([...first.keys, ...first.weights]).toEqual([9n, 9, 9]);
  expect([...second.keys, ...second.weights]).toEqual([4n, 0, 4]);
  expect([...difference.lacked()]).toEqual([3n]);
});

describe.each(servingPrecisions)("rows held as %s", (servingPrecision) => {
  it.each([1, 2, 5])("do not differ from the f32 weights they were converted from, dim %i", (dim) => {
    const store = new ExactStore({ ...spec, dim }, { serving: true, servingPrecision });
    const keys = BigUint64Array.from({ length: 8 }, (_, i) => BigInt(i * i + 1));
    const weights = Float32Array.from({ length: 8 * dim }, (_, i) => Math.sin(i + 1) / 3);
    store.put({ keys, weights });
    const difference = new StoreDifference(store);
    expect(difference.differing({ keys, weights }).keys).toHaveLength(0);
    expect(difference.lacked()).toHaveLength(0);
    weights[3 * dim] = 2;
    expect([...difference.differing({ keys, weights }).keys]).toEqual([10n]);
  });
});
