import { Batch, batchLayout } from "../src/core/batch.js";
import type { CompiledSpec, StoreSpec } from "../src/spec/compiled.js";
import { StoreTable } from "../src/tables/table.js";
import { fillKeys, oneTable, sequence } from "./lib/one-table.js";

/** Rows of a batch that is gathered, and of one that is learned, as towers do. */
const GATHERED = 4096;
const ROWS = 512;
/** Batches that are not measured, while code is compiled. */
const WARM_UP = 10;
const REPEATS = 2;
const GB = 1e9;
const MILLION = 1e6;

/**
 * An exact table with changing ids, on one core: new ids streamed through a budget, with the longest pause of a batch's
 * gather + apply; the same with an admission filter; and gathers from a large table and a small one.
 */
export async function run({ smoke }: { smoke: boolean }): Promise<object> {
  const distinct = smoke ? 300_000 : 100 * MILLION;
  const budget = smoke ? 5e6 : GB;
  const small = smoke ? 20_000 : MILLION;
  const large = smoke ? 200_000 : 50 * MILLION;
  const lru = { policy: "lru" } as const;
  const admission = { occurrence_threshold: 2, filter_capacity: budget / 400 };
  return {
    lru: churn(distinct, 16, { budget, eviction: lru }),
    lfu: churn(distinct / 10, 16, { budget: budget / 10, eviction: { policy: "lfu" } }),
    admission: churn(distinct / 10, 16, { budget: budget / 10, eviction: lru, admission }),
    expiry: churn(distinct / 10, 16, { budget, eviction: { steps_to_live: distinct / 100 } }),
    gathers: { "16": gathers(16, [small, large]), "8": gathers(8, [small, large]) },
  };
}

/** A model of one exact table with one field. */
function modelOf(dim: number, life: Pick<StoreSpec, "budget" | "admission" | "eviction">): CompiledSpec {
  const optimizer = { kind: "sgd", learning_rate: 0.1 } as const;
  return oneTable({ batch: ROWS, cells: 1, optimizer, table: { encoding: "exact", rows: 0, dim, ...life } });
}

interface Churned {
  /** Milliseconds of every batch's gather + apply. */
  readonly pauses: Float64Array;
  readonly mostBytes: number;
  readonly table: StoreTable;
}

/**
 * Streams the same ids `REPEATS` times into new tables. The work of each batch is the same every time, so the minimum of a batch
 * is due to the table, and what exceeds it to other processes of the machine.
 */
function churn(distinct: number, dim: number, life: Pick<StoreSpec, "budget" | "admission" | "eviction">): object {
  const model = modelOf(dim, life);
  const pauses: Float64Array[] = [];
  for (let repeat = 1; repeat < REPEATS; repeat++) pauses.push(stream(model, distinct).pauses);
  const { table, mostBytes, pauses: last } = stream(model, distinct);
  pauses.push(last);
  if (life.budget !== undefined && mostBytes > life.budget)
    throw new Error(`${mostBytes} bytes exceed the budget of ${life.budget}`);
  const least = last.map((_, i) => Math.min(...pauses.map((run) => run[i])));
  const { rows, capacity } = table.stats();
  return {
    distinct,
    budget: life.budget ?? null,
    most_bytes: mostBytes,
    memory_with_workspace: table.store.memory.buffer.byteLength,
    rows,
    capacity,
    examples_per_second: Math.round(((least.length * ROWS) / least.reduce((sum, ms) => sum + ms, 0)) * 1000),
    batches: least.length,
    longest_pause_ms: longest(least),
    longest_pause_of_each_run_ms: pauses.map(longest),
    batches_over_10_ms_of_each_run: pauses.map((run) => run.subarray(WARM_UP).filter((ms) => ms > 10).length),
    pause_p999_ms: least.slice(WARM_UP).sort()[Math.floor((least.length - WARM_UP) * 0.999)],
    lifecycle: table.store.lifecycle?.counts(),
  };
}

/** Streams `distinct` ids, each once, except every tenth position of a batch, which repeats one of the last 100,000. */
function stream(model: CompiledSpec, distinct: number): Churned {
  const layout = batchLayout(model, ROWS);
  const table = new StoreTable(model, 0, layout);
  const batch = new Batch(layout, ROWS, new ArrayBuffer(layout.bytes));
  const pauses = new Float64Array(Math.ceil(distinct / (ROWS - Math.floor(ROWS / 10))));
  let mostBytes = 0;
  let first = 0;
  for (let b = 0; b < pauses.length; b++) {
    fillKeys(layout, (i) => (i % 10 === 9 ? Math.max(0, first - ((i * 24_593) % 100_000)) : first++), batch);
    const start = performance.now();
    table.gather(batch, "learn", undefined, { time: 0, examples: b * ROWS });
    table.gradient.fill(0.001);
    table.apply();
    pauses[b] = performance.now() - start;
    mostBytes = Math.max(mostBytes, table.stats().bytes);
  }
  return { pauses, mostBytes, table };
}

function longest(times: Float64Array): number {
  return times.subarray(WARM_UP).reduce((most, ms) => Math.max(most, ms), 0);
}

/** Gathers per second of random rows, from tables of this many rows. */
function gathers(dim: number, sizes: readonly number[]): object {
  const speeds = sizes.map((rows) => gathersOf(dim, rows));
  return { rows: sizes, gathers_per_second: speeds, large_over_small: speeds[1] / speeds[0] };
}

function gathersOf(dim: number, rows: number): number {
  const model = modelOf(dim, { budget: Math.ceil(rows * (8 + 4 * dim + 16)) });
  const layout = batchLayout(model, GATHERED);
  const table = new StoreTable(model, 0, layout);
  const batch = new Batch(layout, GATHERED, new ArrayBuffer(layout.bytes));
  for (let first = 0; first < rows; first += GATHERED) {
    const some = new Batch(layout, Math.min(GATHERED, rows - first), batch.buffer);
    table.gather(
      fillKeys(layout, (i) => first + i, some),
      "learn",
    );
  }
  const next = sequence(rows);
  const batches = Array.from({ length: 300 }, () => fillKeys(layout, next));
  let shortest = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 4; round++) {
    const start = performance.now();
    for (const each of batches) table.gather(each, "score");
    shortest = Math.min(shortest, performance.now() - start);
  }
  return Math.round((batches.length * GATHERED) / (shortest / 1000));
}
