import { Batch, type BatchLayout } from "../../src/core/batch.js";
import type { CompiledSpec, CompiledTable, OptimizerSpec } from "../../src/spec/compiled.js";
import { noKnobs } from "../../src/towers/first-knobs.js";

const SEED = "9e3779b97f4a7c15";

export interface OneTable {
  readonly batch: number;
  /** Single-valued fields, each a cell of the table. */
  readonly cells: number;
  readonly optimizer: OptimizerSpec;
  readonly tower?: "lr" | "fm" | "deep_crossing";
  readonly table: Pick<CompiledTable, "encoding" | "rows" | "dim"> & Partial<CompiledTable>;
}

/** A model of one table, for benches that create their own batches. */
export function oneTable({ batch, cells, optimizer, tower = "deep_crossing", table }: OneTable): CompiledSpec {
  const names = Array.from({ length: cells }, (_, i) => `f${i}`);
  return {
    name: "bench",
    seed: 1,
    batch,
    window: 100_000,
    events: { format: "tsv", columns: [], header: false, separator: "\t" },
    label: { from: "label", positive: { equals: "1" }, weight: null, time: null, id: null, oracle: null },
    fields: names.map((name) => ({ name, type: "categorical", from: name })),
    tables: [
      {
        name: "ids",
        role: "embedding",
        init: 0.01,
        optimizer,
        seed: SEED,
        ...table,
        cells: names.map((field) => ({ field, kind: "single", seed: SEED })),
      },
    ],
    numbers: [],
    tower: {
      kind: tower,
      ...noKnobs,
      optimizer,
      runtime: "onnxruntime",
    },
  };
}

/** Writes the i-th of 2^32 distinct keys at place `at` of an array of halves. */
export function writeKey(halves: Uint32Array, at: number, i: number): void {
  halves[2 * at] = Math.imul(i ^ (i >>> 15), 0x85ebca6b) ^ 0x5bd1e995;
  halves[2 * at + 1] = Math.imul(i, 0x9e3779b1);
}

/** Fills a batch with the keys of `index(0)`, `index(1)`, …; by default a new one of all its rows. */
export function fillKeys(
  layout: BatchLayout,
  index: (i: number) => number,
  batch = new Batch(layout, layout.capacity, new ArrayBuffer(layout.bytes)),
): Batch {
  const count = batch.rows * layout.keys[0].singles;
  const halves = new Uint32Array(batch.buffer, layout.keys[0].offset, count * 2);
  for (let i = 0; i < count; i++) writeKey(halves, i, index(i));
  return batch;
}

/** Integers in [0, below), always the same. */
export function sequence(below: number): () => number {
  let state = 12345;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
