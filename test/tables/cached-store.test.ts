import { expect, it } from "vitest";
import { CachedStore } from "../../src/tables/cached-store.js";
import type { RowKeeper } from "../../src/tables/kept-rows.js";

const spec = {
  name: "ids",
  encoding: "exact",
  rows: 0,
  dim: 2,
  init: 0.1,
  seed: "0000000000000007",
  optimizer: { kind: "sgd", learning_rate: 0.1 },
} as const;

/** Has a row [key, -key] for every key, and notes which were read; `room` of them may be in memory. */
function keeperOf(room: number, read: number[]): RowKeeper {
  let granted = 0;
  return {
    rowsOf: () => ({
      count: 100,
      read: (keys, take) =>
        keys.forEach((key, place) => {
          read.push(Number(key));
          take(place, new Uint8Array(Float32Array.of(Number(key), -Number(key)).buffer));
        }),
    }),
    takeRoom: () => granted++ < room,
  };
}

it("rows requested again and again stay in memory while others are requested once", async () => {
  const read: number[] = [];
  const store = new CachedStore(spec, { serving: true, keeper: keeperOf(8, read) });
  const request = async (keys: readonly number[]) => {
    read.length = 0;
    for (const key of keys) {
      await store.find(BigInt(key));
      expect([...store.weightsOf(BigInt(key))]).toEqual([key, -key]);
    }
    return [...read];
  };
  const often = [1, 2, 3, 4];
  expect(await request(often)).toEqual(often);
  for (let round = 0; round < 2; round++) expect(await request(often)).toEqual([]);
  const once = [5, 6, 7, 8, 9, 10, 11, 12];
  expect(await request(once)).toEqual(once);
  expect(await request(often)).toEqual([]);
});
