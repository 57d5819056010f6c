import { createHash } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import { batchLayout } from "../../src/core/batch.js";
import { fixHashSecret } from "../../src/core/chance.js";
import { StoreTable } from "../../src/tables/table.js";
import { DedupWindow } from "../../src/train/dedup.js";
import { mix, unmix } from "../mix.js";
import { optimizerSpecs } from "../optimizers/specs.js";
import { batchOf, modelOf, SEED } from "./samples.js";

const IDS = 20_000;
const MASK = 2n ** 64n - 1n;
const seed = SEED;

/** Keys whose hash under the table's seed ends in 12 zeros and begins with 7: one group of 4096, one tag, one step. */
const crafted = Array.from({ length: IDS }, (_, i) => unmix(BigInt(i + 1) << 12n) ^ seed);
const random = Array.from({ length: IDS }, (_, i) => mix(BigInt(i)));

function tableOf(keys: readonly bigint[]): StoreTable {
  const model = modelOf({ encoding: "exact", optimizer: optimizerSpecs.ftrl, singles: 1, dim: 4, rows: 0 });
  const layout = batchLayout(model, 1000);
  const table = new StoreTable(model, 0, layout);
  for (let at = 0; at < keys.length; at += 1000) {
    table.gather(
      batchOf(
        layout,
        keys.slice(at, at + 1000).map((key) => ({ singles: [key] })),
      ),
      "learn",
    );
    table.gradient.fill(0.5);
    table.apply();
  }
  return table;
}

function steps(table: StoreTable, keys: readonly bigint[]): number {
  return keys.reduce((sum, key) => sum + table.store.kernel.probes(key), 0) / keys.length;
}

const bytesOf = (table: StoreTable) =>
  [...table.store.blocks()].map(({ name, data }) => `${name} ${createHash("sha256").update(data).digest("hex")}`);

afterEach(() => fixHashSecret(undefined));

describe("ids constructed to collide in an index", () => {
  it("collide as constructed", () => {
    for (const key of crafted.slice(0, 100)) {
      expect(mix((key ^ seed) & MASK) & 0xfffn).toBe(0n);
      expect(mix((key ^ seed) & MASK) >> 57n).toBe(0n);
    }
  });

  it("are found in at most twice the steps of random ones", () => {
    fixHashSecret(0x5851f42d4c957f2dn);
    expect(steps(tableOf(crafted), crafted)).toBeLessThan(2 * steps(tableOf(random), random));
  });

  it("would lengthen probe sequences if only the spec's seed were used", () => {
    fixHashSecret(seed);
    const few = crafted.slice(0, 3000);
    expect(steps(tableOf(few), few)).toBeGreaterThan(20);
  });

  it("are found in the window of event ids as fast as random ones", () => {
    fixHashSecret(77n);
    const same = Array.from({ length: IDS }, (_, i) => (BigInt(i) << 32n) | 5n);
    const window = new DedupWindow(IDS);
    expect([...window.admit(BigUint64Array.from(same))].every((fresh) => fresh === 1)).toBe(true);
    expect(same.reduce((sum, id) => sum + window.steps(id), 0) / IDS).toBeLessThan(3);
  });
});

it("a table's bytes do not depend on the secret seed of its index", () => {
  const saved = [1n, 0xfedcba9876543210n].map((secret) => {
    fixHashSecret(secret);
    return bytesOf(tableOf([...crafted.slice(0, 1000), ...random.slice(0, 4000)]));
  });
  expect(saved[0]).toEqual(saved[1]);
  expect(saved[0].length).toBeGreaterThan(0);
});
