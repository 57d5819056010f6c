import { Batch, batchLayout } from "../src/core/batch.js";
import { DenseOptimizer } from "../src/optimizers/dense.js";
import type { CompiledSpec, OptimizerSpec } from "../src/spec/compiled.js";
import { StoreTable } from "../src/tables/table.js";
import { fillKeys, oneTable, sequence, writeKey } from "./lib/one-table.js";

const DIM = 16;
const optimizers: Record<string, OptimizerSpec> = {
  ftrl: { kind: "ftrl", alpha: 0.05, beta: 1, l1: 1e-4, l2: 1e-6, l21: 0 },
  ftrl_group: { kind: "ftrl", alpha: 0.05, beta: 1, l1: 1e-4, l2: 1e-6, l21: 1e-4 },
  adagrad: { kind: "adagrad", learning_rate: 0.05, initial_accumulator: 0.1, epsilon: 1e-8 },
  rowwise_adagrad: { kind: "rowwise_adagrad", learning_rate: 0.05, initial_accumulator: 0.1, epsilon: 1e-8 },
  adam: { kind: "adam", learning_rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  sgd: { kind: "sgd", learning_rate: 0.1 },
};

/**
 * Tables on one core: random gathers from a large exact table and its memory, a mini-batch's gather + apply for every
 * optimizer, and a step over dense weights. Results are compared with a Map before anything is timed.
 */
export async function run({ smoke }: { smoke: boolean }): Promise<object> {
  checkAgainstMap();
  const keys = smoke ? 50_000 : 10_000_000;
  return {
    keys,
    dim: DIM,
    exact: { sgd: benchLookups("sgd", keys), ftrl: benchLookups("ftrl", keys) },
    map_gathers_per_second: benchMap(smoke ? 50_000 : 1_000_000),
    batch_ms: Object.fromEntries(Object.keys(optimizers).map((name) => [name, benchBatch(name, smoke ? 20 : 600)])),
    dense_164k_step_ms: Object.fromEntries(
      Object.keys(optimizers).map((name) => [name, benchDense(name, smoke ? 10 : 1000)]),
    ),
  };
}

function modelOf(encoding: "hash" | "exact", rows: number, cells: number, optimizer: OptimizerSpec): CompiledSpec {
  return oneTable({ batch: 512, cells, optimizer, table: { encoding, rows, dim: DIM } });
}

function checkAgainstMap(): void {
  const model = modelOf("exact", 0, 4, optimizers.sgd);
  const layout = batchLayout(model, 256);
  const table = new StoreTable(model, 0, layout);
  const expected = new Map<bigint, Float32Array>();
  const next = sequence(3000);
  for (let b = 0; b < 20; b++) {
    const batch = fillKeys(layout, next);
    for (const key of batch.keys(0)) if (!expected.has(key)) expected.set(key, table.store.weightsOf(key));
    table.gather(batch, "learn");
    table.gradient.fill(0.5);
    table.apply();
    const sums = new Map<bigint, number>();
    for (const key of batch.keys(0)) sums.set(key, (sums.get(key) ?? 0) + 0.5);
    for (const [key, g] of sums) {
      const w = expected.get(key);
      w?.forEach((x, i) => {
        w[i] = x - Math.fround(Math.fround(0.1) * g);
      });
    }
  }
  let row = 0;
  for (const [key, w] of expected) {
    const found = table.lookup(key);
    if (found?.row !== row++ || found.weights.some((x, i) => x !== w[i])) throw new Error(`key ${key}: wrong row`);
  }
}

function benchLookups(name: string, keys: number): object {
  const rows = 4096;
  const model = modelOf("exact", 0, 1, optimizers[name]);
  const layout = batchLayout(model, rows);
  const table = new StoreTable(model, 0, layout);
  const start = performance.now();
  for (let first = 0; first < keys; first += rows) {
    const some = new Batch(layout, Math.min(rows, keys - first), new ArrayBuffer(layout.bytes));
    table.gather(
      fillKeys(layout, (i) => first + i, some),
      "learn",
    );
  }
  const insertSeconds = (performance.now() - start) / 1000;
  const next = sequence(keys);
  const batches = Array.from({ length: Math.min(500, Math.ceil(keys / 1000)) }, () => fillKeys(layout, next));
  const seconds = best(3, () => batches.forEach((batch) => void table.gather(batch, "score"))) / 1000;
  const gathers = (batches.length * rows) / seconds;
  const payload = keys * (8 + table.layout.stateBytes);
  const { bytes } = table.stats();
  return {
    gathers_per_second: Math.round(gathers),
    ratio_to_target: gathers / 5e6,
    inserts_per_second: Math.round(keys / insertSeconds),
    bytes,
    memory_over_payload: bytes / payload,
    memory_over_payload_with_workspace: table.store.memory.buffer.byteLength / payload,
  };
}

/** The same gathers from a JavaScript Map of bigint keys. */
function benchMap(keys: number): number {
  const halves = new Uint32Array(2);
  const key = new BigUint64Array(halves.buffer);
  const keyOf = (i: number): bigint => {
    writeKey(halves, 0, i);
    return key[0];
  };
  const map = new Map(Array.from({ length: keys }, (_, i) => [keyOf(i), new Float32Array(DIM)] as const));
  const next = sequence(keys);
  const queries = Array.from({ length: 200_000 }, () => keyOf(next()));
  const out = new Float32Array(DIM * 4096);
  const ms = best(3, () => queries.forEach((query, i) => void out.set(map.get(query)!, (i % 4096) * DIM)));
  return Math.round((queries.length / ms) * 1000);
}

/** Mean ms of gather and apply for batches of 512 rows × 10 cells over 200,000 ids with a skewed distribution. */
function benchBatch(name: string, rounds: number): object {
  const model = modelOf("hash", 1 << 18, 10, optimizers[name]);
  const layout = batchLayout(model, 512);
  const table = new StoreTable(model, 0, layout);
  const next = sequence(200_000);
  const skewed = (): number => Math.floor(200_000 * (next() / 200_000) ** 3);
  const batches = Array.from({ length: 20 }, () => fillKeys(layout, skewed));
  const times = { gather: 0, apply: 0 };
  for (let round = -20; round < rounds; round++) step(table, batches[(round + 20) % 20], round < 0 ? null : times);
  return { gather: times.gather / rounds, apply: times.apply / rounds, both: (times.gather + times.apply) / rounds };
}

function step(table: StoreTable, batch: Batch, times: { gather: number; apply: number } | null): void {
  const t0 = performance.now();
  table.gather(batch, "learn");
  const t1 = performance.now();
  table.gradient.fill(0.001);
  const t2 = performance.now();
  table.apply();
  if (!times) return;
  times.gather += t1 - t0;
  times.apply += performance.now() - t2;
}

function benchDense(name: string, rounds: number): number {
  const initial = new Float32Array(640 * 256).fill(0.01);
  const dense = new DenseOptimizer(optimizers[name], [{ name: "w", shape: [640, 256], initial }]);
  dense.gradients().w.data.fill(0.001);
  const loop = (): void => {
    for (let i = 0; i < rounds; i++) dense.step(1);
  };
  return best(3, loop) / rounds;
}

/** The shortest of `times` runs, in ms. */
function best(times: number, work: () => void): number {
  let shortest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < times; i++) {
    const start = performance.now();
    work();
    shortest = Math.min(shortest, performance.now() - start);
  }
  return shortest;
}
