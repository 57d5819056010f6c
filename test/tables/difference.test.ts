import { expect, it } from "vitest";
import { StoreDifference } from "../../src/tables/difference.js";
import { ExactStore } from "../../src/tables/exact-store.js";

const spec = {
  name: "ids",
  encoding: "exact",
  rows: 8,
  dim: 2,
  init: 0,
  seed: "0000000000000007",
  optimizer: { kind: "sgd", learning_rate: 0.1 },
} as const;

it("finds what a store lacks, has otherwise and has too much, whatever the pieces that come", () => {
  const store = new ExactStore(spec, { serving: true });
  store.put({ keys: BigUint64Array.of(1n, 2n, 3n, 4n), weights: Float32Array.of(1, 1, 2, 2, 3, 3, -0, 4) });
  const difference = new StoreDifference(store);
  const first = difference.differing({ keys: BigUint64Array.of(2n, 9n), weights: Float32Array.of(2, 2, 9, 9) });
  const second = difference.differing({ keys: BigUint64Array.of(4n, 1n), weights: Float32Array.of(0, 4, 1, 1) });
  expect([...first.keys, ...first.weights]).toEqual([9n, 9, 9]);
  expect([...second.keys, ...second.weights]).toEqual([4n, 0, 4]);
  expect([...difference.lacked()]).toEqual([3n]);
});
