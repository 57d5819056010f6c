import { describe, expect, it } from "vitest";
import { type CodeKernel, codeKernel } from "../../../src/kernels/code.js";
import { hashFunctions, hashOf, normalCode, uniformCode } from "./reference.js";

const SEED = 0x0123456789abcdefn;
const KEYS = [0n, 1n, 2n, 0xffffffffn, 0x100000000n, 2n ** 64n - 1n, 0x9e3779b97f4a7c15n, 0xdeadbeefcafef00dn];

interface Codes {
  readonly kernel: CodeKernel;
  /** f32[keys × hashes]. */
  of(keys: readonly bigint[]): Float32Array;
}

function open(hashes: number, { gaussian = false, seed = SEED, rows = 4096 } = {}): Codes {
  const { kernel, memory } = codeKernel();
  expect(kernel.openCodes(rows, hashes, gaussian ? 1 : 0, seed, 4, 0)).toBe(1);
  return {
    kernel,
    of: (keys) => {
      new BigUint64Array(memory.buffer, kernel.keysAt.value >>> 0, rows).set(keys);
      kernel.encode(keys.length);
      return new Float32Array(memory.buffer, kernel.codesAt.value >>> 0, keys.length * hashes).slice();
    },
  };
}

/** Unhashed ids as keys: the worst case. */
const kinds: Readonly<Record<string, (i: number) => bigint>> = {
  sequential: (i) => BigInt(i),
  "multiples of 2^20": (i) => BigInt(i) << 20n,
  "multiples of 2^40": (i) => BigInt(i) << 40n,
  "at equal distances": (i) => BigInt.asUintN(64, BigInt(i + 1) * 0x9e3779b97f4a7c15n),
};

/** Code columns of `count` keys. */
function columns(hashes: number, count: number, keyOf: (i: number) => bigint, gaussian: boolean): Float64Array[] {
  const codes = open(hashes, { gaussian });
  const found = Array.from({ length: hashes }, () => new Float64Array(count));
  for (let from = 0; from < count; from += 4096) {
    const some = Array.from({ length: Math.min(4096, count - from) }, (_, i) => keyOf(from + i));
    codes.of(some).forEach((x, at) => {
      found[at % hashes][from + Math.floor(at / hashes)] = x;
    });
  }
  return found;
}

describe("the code kernel", () => {
  it.each([1, 3, 4, 7, 64])("equals the scalar formula bit for bit, %i hashes", (hashes) => {
    const functions = hashFunctions(hashes, SEED);
    expect([...open(hashes).of(KEYS)]).toEqual(
      KEYS.flatMap((key) => functions.map((f) => uniformCode(hashOf(key, f)))),
    );
  });

  it("looks up Gaussian codes among 4096 quantiles, symmetric around 0", () => {
    const functions = hashFunctions(512, SEED);
    const found = open(512, { gaussian: true }).of(KEYS);
    const expected = KEYS.flatMap((key) => functions.map((f) => normalCode(hashOf(key, f))));
    expected.forEach((x, i) => {
      expect(Math.abs(found[i] - x)).toBeLessThan(1e-6 * Math.max(1, Math.abs(x)));
    });
    const values = new Set(found);
    expect(values.size).toBeGreaterThan(2000);
    const [smallest, largest] = [Math.min(...found), Math.max(...found)];
    expect(smallest).toBeGreaterThanOrEqual(-3.67);
    expect(largest).toBeLessThanOrEqual(3.67);
  });

  it("depends on the seed", () => {
    expect(open(8, { seed: 1n }).of(KEYS)).not.toEqual(open(8, { seed: 2n }).of(KEYS));
  });

  it.each(Object.entries(kinds))("spreads %s keys evenly: chi-square", (_, keyOf) => {
    const [count, parts] = [65536, 256];
    for (const column of columns(8, count, keyOf, false)) {
      const counts = new Float64Array(parts);
      for (const x of column) counts[Math.floor(((x + 1) / 2) * parts)]++;
      const expected = count / parts;
      const chiSquare = counts.reduce((sum, c) => sum + (c - expected) ** 2 / expected, 0);
      // 255 degrees of freedom: mean 255, standard deviation 22.6.
      expect(chiSquare).toBeLessThan(255 + 5 * 22.6);
    }
  });

  it.each([
    ["uniform", 0, 1 / 3],
    ["gaussian", 1, 1],
  ])("has uncorrelated %s columns of the expected power", (_, gaussian, power) => {
    const count = 50_000;
    const found = columns(32, count, kinds.sequential, gaussian === 1);
    const norms = found.map((column) => Math.sqrt(column.reduce((sum, x) => sum + x * x, 0)));
    for (const norm of norms) expect(Math.abs((norm * norm) / count / power - 1)).toBeLessThan(0.05);
    found.forEach((a, i) => {
      for (let j = 0; j < i; j++) {
        const product = a.reduce((sum, x, n) => sum + x * found[j][n], 0);
        expect(Math.abs(product / (norms[i] * norms[j])), `columns ${i}, ${j}`).toBeLessThan(4 / Math.sqrt(count));
      }
    });
  });

  it("gives a million ids distinct codes", () => {
    const codes = open(4);
    const seen = new Set<bigint>();
    for (let from = 0; from < 1_000_000; from += 4096) {
      const found = codes.of(Array.from({ length: 4096 }, (_, i) => BigInt(from + i)));
      const pairs = new BigUint64Array(found.buffer);
      for (let i = 0; i < 4096; i++) seen.add(pairs[2 * i] ^ (pairs[2 * i + 1] << 1n));
    }
    expect(seen.size).toBe(Math.ceil(1_000_000 / 4096) * 4096);
  });

  it("refuses sizes that do not fit in memory", () => {
    const { kernel } = codeKernel();
    kernel.setLimit(4 << 20);
    expect(kernel.openCodes(100_000, 64, 0, SEED, 4, 1)).toBe(0);
  });
});
