import { createEncoding } from "../src/encodings/create.js";
import type { EncodingSpec } from "../src/spec/compiled.js";
import type { Encoding } from "../src/tables/encoding.js";
import { sequence, writeKey } from "./lib/one-table.js";
import { round } from "./lib/run.js";

const DIM = 16;
/** Distinct keys processed together. */
const BATCH = 16_384;
const CLOCK = { time: 0, examples: 0 };

/** Times of one kind of batch. */
interface Times {
  readonly keys_per_second: number;
  readonly longest_ms: number;
}

/**
 * An exact table larger than one memory: 100 million rows of 16 weights, inserted one after the other, then batches of random keys
 * learned, then gathered. Rows are reserved, so that growth moves none.
 */
export async function run({ smoke }: { smoke: boolean }): Promise<object> {
  const keys = smoke ? 200_000 : Number(process.env.HASHBROOK_LARGE_KEYS ?? 100_000_000);
  const table = await createEncoding(specOf(keys), {
    capacity: BATCH,
    learns: true,
    serving: false,
    runtime: "onnxruntime",
  });
  const batches = smoke ? 20 : 1000;
  const next = sequence(keys);
  const insert = await timed(table, Math.ceil(keys / BATCH), (b, i) => Math.min(b * BATCH + i, keys - 1), make);
  const rows = table.stores.reduce((sum, store) => sum + store.rows, 0);
  if (rows !== keys) throw new Error(`${rows} rows, not ${keys}`);
  const learn = await timed(table, batches, next, step);
  const gather = await timed(table, batches, next, read);
  return {
    what: "an exact table over several memories",
    rows,
    dim: DIM,
    memories: table.stores.length,
    row_bytes: table.stores[0].layout.stride,
    bytes: table.bytes,
    bytes_per_row: round(table.bytes / rows, 2),
    largest_memory_bytes: Math.max(...table.stores.map(({ memory }) => memory.buffer.byteLength)),
    resident_bytes: process.memoryUsage().rss,
    insert,
    learn,
    gather,
  };
}

function specOf(rows: number): EncodingSpec {
  return {
    name: "ids",
    encoding: "exact",
    shards: 2,
    rows,
    dim: DIM,
    init: 0.01,
    optimizer: { kind: "rowwise_adagrad", learning_rate: 0.05, initial_accumulator: 0.1, epsilon: 1e-8 },
    precision: "int8",
    seed: "9e3779b97f4a7c15",
  };
}

async function make(table: Encoding, count: number): Promise<void> {
  await table.gather(count, "learn", CLOCK);
}

async function read(table: Encoding, count: number): Promise<void> {
  await table.gather(count, "score", CLOCK);
}

async function step(table: Encoding, count: number): Promise<void> {
  await table.gather(count, "learn", CLOCK);
  table.gradients.fill(0.001);
  await table.backward();
  table.apply();
}

/** Processes `batches` batches of the keys of `index(batch, place)`; creating the keys is not timed. */
async function timed(
  table: Encoding,
  batches: number,
  index: (batch: number, place: number) => number,
  work: (table: Encoding, count: number) => Promise<void>,
): Promise<Times> {
  const times: number[] = [];
  let keys = 0;
  for (let b = 0; b < batches; b++) {
    const count = fill(table.keys, (i) => index(b, i));
    const start = performance.now();
    await work(table, count);
    times.push(performance.now() - start);
    keys += count;
  }
  const ms = times.reduce((sum, time) => sum + time, 0);
  return { keys_per_second: Math.round((keys / ms) * 1000), longest_ms: round(Math.max(...times), 1)! };
}

/** Writes the keys of BATCH numbers, each number once. @returns their count */
function fill(keys: BigUint64Array, index: (place: number) => number): number {
  const halves = new Uint32Array(keys.buffer, keys.byteOffset, keys.length * 2);
  const seen = new Set<number>();
  for (let i = 0; i < BATCH; i++) {
    const n = index(i);
    if (seen.has(n)) continue;
    writeKey(halves, seen.size, n);
    seen.add(n);
  }
  return seen.size;
}
