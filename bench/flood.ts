import { Batch, type BatchLayout, batchLayout } from "../src/core/batch.js";
import { hashSecret } from "../src/core/chance.js";
import { StoreTable } from "../src/tables/table.js";
import { oneTable } from "./lib/one-table.js";

const SEED = 0x9e3779b97f4a7c15n;
const MASK = 2n ** 64n - 1n;
const ROWS = 4096;

/**
 * Ids crafted to collide: under the seed that a spec gives a table, their hashes share the lower 12 bits and the upper 7, which select
 * the group of an exact table's index and the step to the next. Learned and looked up compared with as many random ids.
 */
export async function run({ smoke }: { smoke: boolean }): Promise<object> {
  const ids = smoke ? 5000 : 20_000;
  const crafted = measure(Array.from({ length: ids }, (_, i) => unmix(BigInt(i + 1) << 12n) ^ SEED));
  const random = measure(Array.from({ length: ids }, (_, i) => mix(BigInt(i))));
  const ratio = random.gathers_per_second / crafted.gathers_per_second;
  if (!(crafted.lines / random.lines < 2)) throw new Error(`crafted ids read ${crafted.lines} lines a look-up`);
  return { ids, secret: hashSecret() !== SEED, crafted, random, crafted_over_random: Number(ratio.toFixed(3)) };
}

function measure(keys: readonly bigint[]): { inserts_per_second: number; gathers_per_second: number; lines: number } {
  const optimizer = { kind: "sgd", learning_rate: 0.1 } as const;
  const model = oneTable({ batch: 512, cells: 1, optimizer, table: { encoding: "exact", rows: 0, dim: 16 } });
  const layout = batchLayout(model, ROWS);
  const batches = Array.from({ length: Math.ceil(keys.length / ROWS) }, (_, b) =>
    batchOf(layout, keys.slice(b * ROWS, (b + 1) * ROWS)),
  );
  const warm = new StoreTable(model, 0, layout);
  for (const batch of batches) warm.gather(batch, "learn");
  const table = new StoreTable(model, 0, layout);
  const inserted = time(() => batches.forEach((batch) => void table.gather(batch, "learn")));
  const gathered = Math.min(
    ...Array.from({ length: 20 }, () => time(() => batches.forEach((batch) => void table.gather(batch, "score")))),
  );
  return {
    inserts_per_second: Math.round(keys.length / inserted),
    gathers_per_second: Math.round(keys.length / gathered),
    lines: keys.reduce((sum, key) => sum + table.store.kernel.probes(key), 0) / keys.length,
  };
}

function batchOf(layout: BatchLayout, keys: readonly bigint[]): Batch {
  const batch = new Batch(layout, keys.length, new ArrayBuffer(layout.bytes));
  batch.keys(0).set(keys);
  return batch;
}

/** Seconds. */
function time(work: () => void): number {
  const start = performance.now();
  work();
  return (performance.now() - start) / 1000;
}

/** The finaliser of splitmix64, and its inverse. */
function mix(x: bigint): bigint {
  let y = ((x ^ (x >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
  y = ((y ^ (y >> 27n)) * 0x94d049bb133111ebn) & MASK;
  return y ^ (y >> 31n);
}

function unmix(y: bigint): bigint {
  let x = ((y ^ (y >> 31n) ^ (y >> 62n)) * 0x319642b2d24d8ec3n) & MASK;
  x = ((x ^ (x >> 27n) ^ (x >> 54n)) * 0x96de1b173f119089n) & MASK;
  return x ^ (x >> 30n) ^ (x >> 60n);
}
