import { join } from "node:path";
import type { ChainOptions, Increment, Patch } from "../../src/checkpoints/chain-writer.js";
import { ChainWriter } from "../../src/checkpoints/chain-writer.js";
import type { CheckpointContent } from "../../src/checkpoints/checkpoint.js";
import { CheckpointStore } from "../../src/checkpoints/store.js";
import { bytesOf } from "../../src/core/blocks.js";
import type { Files } from "../../src/core/files.js";
import { block } from "./samples.js";

export const STRIDE = 5;

/** A synthetic model: an exact table that grows, a hash table, and a block that is stored as a whole. */
export class SmallModel {
  examples = 0;
  /** Rows of the exact table, STRIDE bytes each. */
  rows: number[][] = [];
  readonly state = new Float32Array(6 * 2);
  private changedRows = new Set<number>();
  private changedState = new Set<number>();

  /** Learns: changes the given rows (exact: those past the end are appended). */
  learn(exact: readonly number[], hash: readonly number[]): void {
    this.examples++;
    for (const wish of exact) {
      const row = Math.min(wish, this.rows.length);
      this.rows[row] = Array.from({ length: STRIDE }, (_, i) => (this.examples * 31 + row * 7 + i) & 255);
      this.changedRows.add(row);
    }
    for (const row of hash) {
      this.state.fill(this.examples + row / 8, 2 * row, 2 * row + 2);
      this.changedState.add(row);
    }
  }

  get meta() {
    return { spec_hash: "00000000deadbeef", step: this.examples };
  }

  private get whole() {
    return [
      block("dense/W0", "F32", [3], Float32Array.of(this.examples, 1, 2)),
      block("table/h/touched", "U8", [1], Uint8Array.of(this.examples)),
    ];
  }

  /** The complete state, as a full checkpoint has it. */
  content(): CheckpointContent {
    const rows = Uint8Array.from(this.rows.flat());
    return {
      meta: this.meta,
      blocks: [
        block("table/e/rows", "U8", [this.rows.length, STRIDE], rows),
        block("table/h/state", "F32", [6, 2], this.state.slice()),
        ...this.whole,
      ],
    };
  }

  /** The changes since the last call. */
  increment(): Increment {
    const take = (changed: Set<number>) => {
      const rows = Uint32Array.from([...changed].sort((a, b) => a - b));
      changed.clear();
      return rows;
    };
    const rows = take(this.changedRows);
    const state = take(this.changedState);
    const bytes = Uint8Array.from([...rows].flatMap((row) => this.rows[row]));
    const floats = Float32Array.from([...state].flatMap((row) => [this.state[2 * row], this.state[2 * row + 1]]));
    const patches: Patch[] = [
      { name: "table/e/rows", dtype: "U8", shape: [this.rows.length, STRIDE], rows, data: bytes },
      { name: "table/h/state", dtype: "F32", shape: [6, 2], rows: state, data: bytesOf(floats) },
    ];
    return { examples: this.examples, meta: this.meta, blocks: this.whole, patches };
  }
}

/** Step n of a deterministic run. */
export function learnStep(model: SmallModel, n: number): void {
  model.learn([n % 3, (n * 5) % 7, 99], [n % 6]);
}

/** The model after n steps. */
export function modelAt(n: number): SmallModel {
  const model = new SmallModel();
  for (let step = 1; step <= n; step++) learnStep(model, step);
  return model;
}

/** A writer for an existing chain: the newest checkpoint is its head. */
export function writerOf(directory: string, files: Files, options: Partial<ChainOptions> = {}): ChainWriter {
  const { checkpoint } = new CheckpointStore(directory, files).latest();
  const parent = checkpoint ? { examples: checkpoint.examples, checksum: checkpoint.chain[0].checksum } : null;
  return new ChainWriter(directory, { keep: 3, parent, lock: null, ...options }, files);
}

/** Saves increments of steps `from` to `to`, one each, like a run that was resumed before `from`. */
export function saveSteps(writer: ChainWriter, from: number, to: number): void {
  const model = modelAt(from - 1);
  model.increment();
  for (let step = from; step <= to; step++) {
    learnStep(model, step);
    writer.save(model.increment());
  }
}

export const pathOf = (directory: string, examples: number) =>
  join(directory, `checkpoint-${String(examples).padStart(12, "0")}`);
