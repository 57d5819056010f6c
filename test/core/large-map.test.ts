import { expect, it } from "vitest";
import { LargeMap, LargeSet } from "../../src/core/large-map.js";
import { Rng } from "../../src/core/rng.js";

it("a large map holds more than 2^24 entries, the limit of a Map", () => {
  const [map, plain, rng] = [new LargeMap<bigint, number>(8), new Map<bigint, number>(), new Rng(3)];
  for (let i = 1; i <= 200; i++) {
    const key = BigInt(rng.below(60));
    expect(map.get(key)).toBe(plain.get(key));
    map.set(key, i);
    plain.set(key, i);
  }
  expect([map.size, ...map.keys()]).toEqual([plain.size, ...plain.keys()]);
  for (const [key, value] of plain) expect(map.get(key)).toBe(value);
});

it("a large set holds each value once, in order", () => {
  const [set, plain] = [new LargeSet<string>(4), new Set<string>()];
  for (const text of ["a", "b", "", "c", "d", "a", "e", "f", "g", "e", "h"]) {
    expect(set.has(text)).toBe(plain.has(text));
    set.add(text);
    plain.add(text);
  }
  expect([set.size, ...set]).toEqual([plain.size, ...plain]);
});
