import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Checkpoint } from "../src/checkpoints/checkpoint.js";
import { CheckpointStore } from "../src/checkpoints/store.js";
import { type BatchLayout, batchLayout } from "../src/core/batch.js";
import { systemClock } from "../src/core/clock.js";
import { nodeFiles } from "../src/core/files.js";
import type { CompiledSpec, OptimizerSpec } from "../src/spec/compiled.js";
import { StoreTable } from "../src/tables/table.js";
import { Checkpointer } from "../src/train/checkpointer.js";
import { fillKeys, oneTable, sequence } from "./lib/one-table.js";
import { median, round } from "./lib/run.js";

const DIM = 16;
const BATCH = 1024;
const CELLS = 39;
/** A batch is learned at most this often: about the time that a tower of 640 x 512 x 256 leaves. */
const BATCH_MS = 40;

/**
 * Checkpoints of a large exact table during learning: how long learning pauses for one, how the writer and its
 * compaction affect concurrent batches, bytes, and the time to restore. The restored table is compared with the live
 * one; a difference fails the bench.
 */
export async function run({ smoke }: { smoke: boolean }): Promise<object> {
  const directory = mkdtempSync(join(tmpdir(), "hashbrook-checkpoint-"));
  try {
    return await new Bench(directory, smoke ? 60_000 : 7_800_000).measure(smoke ? 1 : 30);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

class Bench {
  private readonly spec: CompiledSpec;
  private readonly layout: BatchLayout;
  private readonly table: StoreTable;
  private readonly store: CheckpointStore;
  private readonly rows: number;
  private readonly random = sequence(2 ** 32);
  private examples = 1;

  constructor(directory: string, rows: number) {
    this.rows = rows;
    this.spec = modelOf(rows);
    this.layout = batchLayout(this.spec, BATCH);
    this.table = new StoreTable(this.spec, 0, this.layout);
    this.store = new CheckpointStore(directory);
  }

  async measure(seconds: number): Promise<object> {
    for (let first = 0; first < this.rows; first += BATCH * CELLS) this.learn((i) => (first + i) % this.rows);
    const quiet = await this.learnFor(seconds / 5, null);
    this.store.lock();
    const started = performance.now();
    const base = this.store.save(this.examples, { meta: {}, blocks: this.table.blocks() });
    const fullMs = performance.now() - started;
    const saved: { bytes: number; compacted: boolean }[] = [];
    const checkpointer = new Checkpointer({
      store: this.store,
      stores: [this.table.store],
      clock: systemClock,
      seconds: seconds / 20,
      every: null,
      keep: 3,
      resumed: { examples: this.examples, checksum: new Checkpoint(base.path, nodeFiles).chain[0].checksum },
      examples: this.examples,
      onCommitted: (_, { bytes, path }) => {
        const { chain } = new Checkpoint(path, nodeFiles);
        saved.push({ bytes, compacted: chain.at(-1)!.manifest.replaces !== undefined });
      },
    });
    const beside = await this.learnFor(seconds, checkpointer);
    const restore = await this.compare(checkpointer, saved);
    this.store.unlock();
    const { table } = this;
    const taken = beside.rows.reduce((sum, rows) => sum + rows, 0);
    return {
      what: `an exact table that learns ${BATCH} examples of ${CELLS} ids every ${BATCH_MS} ms, with a skewed distribution over all rows`,
      table_bytes: table.stats().rows * table.layout.stride,
      row_bytes: table.layout.stride,
      full_save_ms: Math.round(fullMs),
      increments: saved.length,
      increment_bytes: spread(saved.map(({ bytes }) => bytes)),
      increments_over_a_compacted_base: saved.filter(({ compacted }) => compacted).length,
      stop_of_learning_ms: spread(beside.stops),
      longest_stop_ms: round(Math.max(...beside.stops), 1),
      rows_copied: spread(beside.rows),
      million_rows_copied_per_second: round(taken / beside.stops.reduce((sum, ms) => sum + ms, 0) / 1000, 2),
      batch_ms_without_checkpoints: spread(quiet.batches),
      batch_ms_beside_the_writer: spread(beside.batches),
      ...restore,
    };
  }

  /** Learns one batch and returns the milliseconds it took. */
  private learn(index: (i: number) => number): number {
    const batch = fillKeys(this.layout, index);
    const start = performance.now();
    this.table.gather(batch, "learn");
    this.table.gradient.fill(0.001);
    this.table.apply();
    this.examples += BATCH;
    return performance.now() - start;
  }

  private async learnFor(seconds: number, checkpointer: Checkpointer | null) {
    const figures = { batches: [] as number[], stops: [] as number[], rows: [] as number[] };
    const { store } = this.table;
    const readRows = store.readRows.bind(store);
    store.readRows = (rows, bytes) => {
      figures.rows.push(rows.length);
      return readRows(rows, bytes);
    };
    const end = performance.now() + seconds * 1000;
    while (performance.now() < end) {
      const start = performance.now();
      figures.batches.push(this.learn(() => Math.floor(this.rows * (this.random() / 2 ** 32) ** 3)));
      const asked = performance.now();
      const copies = figures.rows.length;
      if (checkpointer?.due(this.examples)) checkpointer.save(this.examples, { meta: {}, blocks: this.table.blocks() });
      if (figures.rows.length > copies) figures.stops.push(performance.now() - asked);
      await sleep(Math.max(0, BATCH_MS - (performance.now() - start)));
    }
    store.readRows = readRows;
    return figures;
  }

  /** Saves a last increment, and checks that the table restored from the chain equals the live one. */
  private async compare(checkpointer: Checkpointer, saved: readonly object[]) {
    const wanted = saved.length + 1;
    while (!checkpointer.due(this.examples)) await sleep(1);
    const before = saved.length;
    checkpointer.save(this.examples, { meta: {}, blocks: this.table.blocks() });
    while (saved.length < Math.max(wanted, before + 1)) {
      checkpointer.due(this.examples);
      await sleep(1);
    }
    await checkpointer.close();
    const start = performance.now();
    const { checkpoint } = this.store.latest();
    const verifyMs = performance.now() - start;
    const restored = new StoreTable(this.spec, 0, this.layout);
    restored.restore(new Map(checkpoint!.blocks.map(({ name }) => [name, checkpoint!.read(name)])));
    const restoreMs = performance.now() - start;
    const [live, found] = [this.table, restored].map((table) => table.blocks()[0].data);
    if (checkpoint!.examples !== this.examples || Buffer.compare(live, found) !== 0) {
      throw new Error("the restored table differs from the saved one");
    }
    return {
      chain_length: checkpoint!.chain.length,
      chain_bytes: checkpoint!.bytes,
      verify_ms: Math.round(verifyMs),
      verify_and_restore_ms: Math.round(restoreMs),
    };
  }
}

function spread(values: readonly number[]): object {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))], 2);
  return { median: round(median(values), 2), p99: at(0.99), max: at(1) };
}

function modelOf(rows: number): CompiledSpec {
  const optimizer: OptimizerSpec = { kind: "ftrl", alpha: 0.05, beta: 1, l1: 1e-4, l2: 1e-6, l21: 0 };
  return oneTable({ batch: BATCH, cells: CELLS, optimizer, table: { encoding: "exact", rows, dim: DIM } });
}
