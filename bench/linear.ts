import { Batch, type BatchLayout, batchLayout } from "../src/core/batch.js";
import { Rng } from "../src/core/rng.js";
import { EventModel } from "../src/model/event-model.js";
import type { CompiledSpec, OptimizerSpec } from "../src/spec/compiled.js";
import { Reference } from "../test/model/event-reference.js";
import { oneTable } from "./lib/one-table.js";

const FIELDS = 39;
const BATCH = 4096;
const FTRL: OptimizerSpec = { kind: "ftrl", alpha: 0.1, beta: 1, l1: 1, l2: 0.1, l21: 0 };
const ADAGRAD: OptimizerSpec = { kind: "adagrad", learning_rate: 0.05, initial_accumulator: 0.1, epsilon: 1e-8 };

interface Case {
  readonly kind: "lr" | "fm";
  readonly encoding: "hash" | "exact";
  readonly optimizer: OptimizerSpec;
  readonly dim: number;
}

const cases: Record<string, Case> = {
  lr_ftrl_hash: { kind: "lr", encoding: "hash", optimizer: FTRL, dim: 1 },
  lr_ftrl_exact: { kind: "lr", encoding: "exact", optimizer: FTRL, dim: 1 },
  lr_adagrad_hash: { kind: "lr", encoding: "hash", optimizer: ADAGRAD, dim: 1 },
  fm8_ftrl_hash: { kind: "fm", encoding: "hash", optimizer: FTRL, dim: 8 },
};

/**
 * lr and fm on one core: learning and scoring events of 39 features with Zipf ids, a table of 2^22 rows (hash), with batches already
 * decoded. Logits are compared with the scalar reference, bit for bit, before anything is timed.
 */
export async function run({ smoke }: { smoke: boolean }): Promise<object> {
  const results: Record<string, object> = {};
  for (const [name, options] of Object.entries(cases)) {
    const spec = specOf(options, smoke ? 1 << 14 : 1 << 22);
    await checkAgainstReference(spec);
    results[name] = await time(spec, smoke ? 2 : 64, smoke ? 1 : options.kind === "fm" ? 2 : 5);
  }
  return { what: "lr and fm, decoded batches of 39 features, one core", features: FIELDS, ...results };
}

/** Learns the batches once as a warm-up, then `passes` times; then scores them. */
async function time(spec: CompiledSpec, count: number, passes: number): Promise<object> {
  const layout = batchLayout(spec, BATCH);
  const batches = Array.from({ length: count }, (_, i) => zipfBatch(layout, BATCH, i));
  const model = new EventModel(spec, { layout });
  const nanoseconds = async (step: (batch: Batch) => Promise<unknown>): Promise<number> => {
    const started = performance.now();
    for (const batch of batches) await step(batch);
    return ((performance.now() - started) * 1e6) / (count * BATCH);
  };
  const learn: number[] = [];
  for (let pass = 0; pass <= passes; pass++) learn.push(await nanoseconds((batch) => model.learn(batch)));
  const score = await nanoseconds((batch) => model.predict(batch));
  const best = Math.min(...learn.slice(1));
  const { rows } = model.tables[0].stats();
  return {
    table_rows: rows,
    first_pass_ns: Math.round(learn[0]),
    learn_ns: learn.slice(1).map(Math.round),
    learn_rows_per_second: Math.round(1e9 / best),
    score_ns: Math.round(score),
  };
}

async function checkAgainstReference(spec: CompiledSpec): Promise<void> {
  const [table] = spec.tables;
  const layout = batchLayout(spec, 256);
  const batch = zipfBatch(layout, 256, 99);
  const model = new EventModel(spec, { layout });
  const reference = new Reference({
    kind: spec.tower.kind === "fm" ? "fm" : "lr",
    factors: table.dim,
    optimizer: table.optimizer,
    seed: BigInt(`0x${table.seed}`),
    init: table.init,
    rows: table.encoding === "exact" ? null : BigInt(table.rows),
  });
  const { logits } = await model.learn(batch);
  const keys = batch.keys(0);
  for (let r = 0; r < batch.rows; r++) {
    const features = [...keys.subarray(r * FIELDS, (r + 1) * FIELDS)].map((key) => ({ key, x: 1 }));
    const expected = reference.event(features, batch.labels[r]);
    if (logits[r] !== expected) throw new Error(`event ${r}: logit ${logits[r]}, the reference says ${expected}`);
  }
}

/** Ids of field f are log-uniform (Zipf with exponent 1) over 10^1 … 10^6 values; three fields drive the label. */
function zipfBatch(layout: BatchLayout, rows: number, seed: number): Batch {
  const rng = new Rng(seed);
  const batch = new Batch(layout, rows, new ArrayBuffer(layout.bytes));
  const halves = new Uint32Array(batch.buffer, layout.keys[0].offset, rows * FIELDS * 2);
  for (let r = 0; r < rows; r++) {
    let score = -1.5;
    for (let f = 0; f < FIELDS; f++) {
      const id = Math.floor(10 ** ((1 + (f % 6)) * rng.uniform()));
      const low = scramble(id * FIELDS + f);
      if (f < 3) score += (low % 100) / 100;
      halves.set([low, scramble(low ^ f)], (r * FIELDS + f) * 2);
    }
    batch.labels[r] = rng.uniform() < 1 / (1 + Math.exp(-score)) ? 1 : 0;
  }
  batch.weights.fill(1);
  return batch;
}

/** The finaliser of MurmurHash3: a bijection of 32-bit numbers. */
function scramble(x: number): number {
  let y = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  y = Math.imul(y ^ (y >>> 13), 0xc2b2ae35);
  return (y ^ (y >>> 16)) >>> 0;
}

function specOf({ kind, encoding, optimizer, dim }: Case, rows: number): CompiledSpec {
  const table = { encoding, rows: encoding === "hash" ? rows : 0, dim, init: kind === "fm" ? 0.01 : 0 };
  return oneTable({ batch: BATCH, cells: FIELDS, optimizer, tower: kind, table });
}
