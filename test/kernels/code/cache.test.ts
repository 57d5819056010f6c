import { describe, expect, it } from "vitest";
import { codeKernel } from "../../../src/kernels/code.js";

const ROWS = 64;
const DIM = 5;

/** A cache whose "decoder" gives key k at time t the vector [k, t, k, t, k]. */
function cacheOf(places: number) {
  const { kernel, memory } = codeKernel();
  expect(kernel.openCodes(ROWS, 4, 0, 1n, DIM, 0)).toBe(1);
  expect(kernel.openCache(places, ROWS)).toBe(1);
  const floats = (at: number, count: number) => new Float32Array(memory.buffer, at >>> 0, count);
  const codesOf = new Map<string, number>();
  return {
    kernel,
    /** The vectors of some keys, and how many had to be decoded. */
    ask(keys: readonly number[], time: number): { vectors: number[][]; missed: number } {
      const slots = new BigUint64Array(memory.buffer, kernel.keysAt.value >>> 0, ROWS);
      slots.set(keys.map(BigInt));
      kernel.encode(keys.length);
      keys.forEach((key, i) => {
        codesOf.set(
          floats(kernel.codesAt.value, ROWS * 4)
            .slice(4 * i, 4 * i + 4)
            .join(),
          key,
        );
      });
      const missed = kernel.look(keys.length);
      for (let m = 0; m < missed; m++) {
        const key = codesOf.get(
          floats(kernel.codesAt.value, ROWS * 4)
            .slice(4 * m, 4 * m + 4)
            .join(),
        )!;
        floats(kernel.decodedAt.value, ROWS * DIM).set([key, time, key, time, key], m * DIM);
      }
      kernel.settle(missed);
      const vectors = floats(kernel.vectorsAt.value, keys.length * DIM);
      return { vectors: keys.map((_, i) => [...vectors.subarray(i * DIM, (i + 1) * DIM)]), missed };
    },
  };
}

describe("the cache of decoded vectors", () => {
  it("returns each key's own vector until it is cleared", () => {
    const cache = cacheOf(4096);
    const keys = Array.from({ length: ROWS }, (_, i) => i);
    expect(cache.ask(keys, 1)).toEqual({ vectors: keys.map((k) => [k, 1, k, 1, k]), missed: ROWS });
    const again = cache.ask([...keys].reverse(), 2);
    expect(again.missed).toBeLessThan(4);
    const fromCache = again.vectors.filter(([, time]) => time === 1);
    expect(fromCache.length).toBe(ROWS - again.missed);
    again.vectors.forEach(([key], i) => {
      expect(key).toBe(ROWS - 1 - i);
    });
    cache.kernel.forget();
    expect(cache.ask(keys, 3)).toEqual({ vectors: keys.map((k) => [k, 3, k, 3, k]), missed: ROWS });
  });

  it("does not mistake an empty slot for key 0", () => {
    expect(cacheOf(8).ask([0], 1).missed).toBe(1);
  });

  it("keeps a repeatedly requested key over keys that occur once", () => {
    const cache = cacheOf(1);
    cache.ask([7], 1);
    for (let newcomer = 100; newcomer < 120; newcomer++) {
      expect(cache.ask([7], 2)).toEqual({ vectors: [[7, 1, 7, 1, 7]], missed: 0 });
      expect(cache.ask([newcomer], 2).missed).toBe(1);
    }
    expect(cache.ask([200], 3).missed).toBe(1);
    expect(cache.ask([7], 3).missed).toBe(1);
  });
});
