import { createHash } from "node:crypto";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it, vi } from "vitest";
import { CheckpointStore } from "../../src/checkpoints/store.js";
import { WriterThread } from "../../src/checkpoints/writer-thread.js";
import { Batch, batchLayout } from "../../src/core/batch.js";
import { StoreTable } from "../../src/tables/table.js";
import { Checkpointer, type CheckpointerOptions } from "../../src/train/checkpointer.js";
import { Settling } from "../../src/train/publishing/settling.js";
import { temporaryDirectory } from "../checkpoints/samples.js";
import { modelOf } from "../tables/samples.js";

/** evicting: an exact table that evicts rows. */
type Kind = "hash" | "exact" | "evicting";

/** A table that learns, and the parts of a run that a Checkpointer needs. */
class Run {
  readonly directory = temporaryDirectory();
  readonly store = new CheckpointStore(this.directory);
  readonly table: StoreTable;
  readonly committed: number[] = [];
  readonly clock = { ms: 0, now: () => this.clock.ms };
  examples = 0;
  readonly checkpointer: Checkpointer;
  private readonly layout;

  constructor(kind: Kind, options: Partial<CheckpointerOptions> = {}) {
    const spec = modelOf({
      encoding: kind === "hash" ? "hash" : "exact",
      ...(kind === "evicting" && { life: { eviction: { steps_to_live: 40 } } }),
      singles: 2,
      optimizer: { kind: "adam", learning_rate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
    });
    this.layout = batchLayout(spec, 8);
    this.table = new StoreTable(spec, 0, this.layout);
    this.store.lock();
    this.checkpointer = new Checkpointer({
      store: this.store,
      stores: [this.table.store],
      clock: this.clock,
      seconds: 0,
      every: 8,
      keep: 2,
      resumed: null,
      examples: 0,
      onCommitted: ({ examples }) => void this.committed.push(examples as number),
      ...options,
    });
    runs.push(this);
  }

  learn(): void {
    const batch = new Batch(this.layout, 8, new ArrayBuffer(this.layout.bytes));
    batch.keys(0).forEach((_, i, keys) => {
      // Numbers of ids alternate: the table shrinks when rows are evicted.
      const ids = this.examples % 256 < 128 ? 200 : 9;
      keys[i] = BigInt((this.examples * 7 + i * i * 31) % ids);
    });
    this.table.gather(batch, "learn", undefined, { time: 0, examples: this.examples });
    this.table.gradient.fill(0.1 + this.examples / 100);
    this.table.apply();
    this.examples += 8;
  }

  get content() {
    return { meta: { examples: this.examples }, blocks: this.table.blocks() };
  }

  save(): void {
    this.checkpointer.save(this.examples, this.content);
  }

  /** Waits for the writer's answer. */
  async settle(): Promise<void> {
    const before = this.committed.length;
    while (this.committed.length === before) {
      this.checkpointer.due(this.examples);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /** All current blocks. */
  state() {
    return this.table.blocks().map(({ name, shape, data }) => ({ name, shape, data: digest(data) }));
  }

  /** Those of the newest checkpoint, which a compacted one may replace during the read. */
  saved() {
    try {
      return this.read();
    } catch {
      return this.read();
    }
  }

  private read() {
    const { checkpoint } = this.store.latest();
    return this.table.blocks().map(({ name }) => {
      const { shape, data } = checkpoint!.read(name);
      return { name, shape, data: digest(data) };
    });
  }
}

/** Comparing millions of bytes one by one would take longer than everything else here. */
const digest = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex");

const runs: Run[] = [];

/** Not part of a checkpoint here. */
const elsewhere = async () => ({ directory: temporaryDirectory(), entries: [] });

afterEach(async () => {
  for (const run of runs.splice(0)) await run.checkpointer.close();
});

describe.each(["exact", "hash", "evicting"] as const)("Checkpointer over a table: %s", (encoding) => {
  it("saves the table as of the request, while learning continues", async () => {
    const run = new Run(encoding);
    const sizes: number[] = [];
    for (let i = 0; i < 24; i++) {
      for (let batch = 0; batch < 3; batch++) run.learn();
      sizes.push(run.table.stats().rows);
      const state = run.state();
      run.save();
      const examples = run.examples;
      run.learn();
      await run.settle();
      expect(run.saved()).toEqual(state);
      expect(run.committed.at(-1)).toBe(examples);
    }
    expect(sizes.some((rows, i) => rows < sizes[i - 1])).toBe(encoding === "evicting");
  });

  it("copies rows in pieces during a save, and saves the table as of the request", async () => {
    const run = new Run(encoding, { mostChangedBytes: 1 });
    const pieces = vi.spyOn(WriterThread.prototype, "copyAhead");
    for (let i = 0; i < 24; i++) {
      run.learn();
      run.save();
      // The save is in progress until `due` is told of its end; each earlier call copies rows.
      for (const before = run.committed.length; run.committed.length === before; await sleep(1)) {
        run.learn();
        run.checkpointer.due(run.examples);
      }
      run.learn();
      const state = run.state();
      run.save();
      await run.settle();
      expect(run.saved()).toEqual(state);
    }
    expect(pieces).toHaveBeenCalled();
    pieces.mockRestore();
  });

  it("ends with the same full checkpoint as a run without increments", async () => {
    const [one, other] = [new Run(encoding), new Run(encoding, { every: null })];
    for (const run of [one, other]) {
      for (let i = 0; i < 6; i++) {
        run.learn();
        if (run.checkpointer.due(run.examples)) run.save();
      }
      await run.checkpointer.finish(run.examples, run.content);
    }
    const bytes = ({ store, directory }: Run) => {
      const { checkpoint } = store.latest();
      expect(checkpoint!.chain).toHaveLength(1);
      return [checkpoint!.content(), readdirSync(join(directory, "checkpoint-000000000048")), checkpoint!.bytes];
    };
    expect(bytes(one)).toEqual(bytes(other));
    expect(one.committed.at(-1)).toBe(48);
    expect(other.committed).toEqual([48]);
  });

  it("saves rows whose changes another reader has already taken", async () => {
    const run = new Run(encoding);
    const other = run.table.store.changes();
    run.learn();
    expect(other.take().length).toBeGreaterThan(0);
    const state = run.state();
    run.save();
    await run.settle();
    expect(run.saved()).toEqual(state);
  });
});

describe("Checkpointer", () => {
  it("is due by examples, by time and by changed bytes, and never during a save", async () => {
    const byExamples = new Run("exact", { every: 16 });
    byExamples.learn();
    expect(byExamples.checkpointer.due(8)).toBe(false);
    expect(byExamples.checkpointer.due(16)).toBe(true);
    byExamples.examples = 16;
    byExamples.save();
    // The writer may be faster than this thread: its answer arrives only after the assertion.
    const unanswered = vi.spyOn(WriterThread.prototype, "poll").mockReturnValue(null);
    expect(byExamples.checkpointer.due(1000)).toBe(false);
    unanswered.mockRestore();
    await byExamples.settle();
    expect(byExamples.checkpointer.due(32)).toBe(true);

    const byBytes = new Run("exact", { every: 1e9, mostChangedBytes: 40 * 56 });
    while (!byBytes.checkpointer.due(byBytes.examples) && byBytes.examples < 1000) byBytes.learn();
    // 8 copies of 40 rows; a batch changes at most 16.
    expect(byBytes.examples).toBeGreaterThanOrEqual(8 * 20);
    expect(byBytes.examples).toBeLessThan(1000);

    const never = new Run("exact", { every: null });
    never.learn();
    expect(never.checkpointer.due(1e9)).toBe(false);
  });

  it("is due by time as soon as anything was learned, then at growing intervals up to the one requested", async () => {
    const run = new Run("exact", { every: null, seconds: 3 });
    expect(run.checkpointer.due(0)).toBe(false);
    for (const wait of [0, 500, 1000, 2000, 3000, 3000]) {
      run.learn();
      run.clock.ms += Math.max(0, wait - 1);
      expect(run.checkpointer.due(run.examples), `before ${wait}`).toBe(wait === 0);
      run.clock.ms += Math.min(1, wait);
      expect(run.checkpointer.due(run.examples), `after ${wait}`).toBe(true);
      run.save();
      await run.settle();
    }
    run.clock.ms += 3000;
    expect(run.checkpointer.due(run.examples)).toBe(true);
    const patient = new Run("exact", { every: null, seconds: 3, patient: true });
    patient.learn();
    patient.clock.ms = 2999;
    expect(patient.checkpointer.due(8)).toBe(false);
    patient.clock.ms = 3000;
    expect(patient.checkpointer.due(8)).toBe(true);
  });

  it("does not save every batch if other processes write files of each checkpoint", async () => {
    const run = new Run("exact", { every: null, seconds: 3, elsewhere });
    for (const wait of [0, 500, 1000, 2000, 3000, 3000]) {
      run.learn();
      run.clock.ms += Math.max(0, wait - 1);
      expect(run.checkpointer.due(run.examples), `before ${wait}`).toBe(wait === 0);
      run.clock.ms += Math.min(1, wait);
      expect(run.checkpointer.due(run.examples), `after ${wait}`).toBe(true);
      await run.checkpointer.save(run.examples, run.content);
    }
    expect(run.committed).toEqual([8, 16, 24, 32, 40, 48]);
  });

  it("waits with a first checkpoint for a save in progress, instead of failing when a standby takes over", async () => {
    const run = new Run("exact");
    run.save();
    await run.checkpointer.first(run.examples, run.content);
    expect(run.committed).toEqual([0, 0]);
  });

  it("saves nothing while a standby waits: it does not know where its run begins", async () => {
    const run = new Run("exact", { seconds: 1, every: null });
    const standby = {
      runMetrics: { examples: 0 },
      position: null,
      content: () => run.content,
    };
    const settling = new Settling({
      checkpointer: run.checkpointer,
      order: null,
      keeper: null,
      topic: true,
      run: standby,
    });
    run.clock.ms = 5000;
    await settling.settle();
    await run.checkpointer.first(0, run.content);
    expect(run.committed).toEqual([0]);
  });

  it("reports a lost lock at the next batch, and at the end", async () => {
    const run = new Run("exact");
    run.learn();
    rmSync(run.store.lockPath!);
    run.save();
    await expect(run.settle()).rejects.toMatchObject({ code: "checkpoint_locked" });
    await expect(run.checkpointer.finish(run.examples, run.content)).rejects.toMatchObject({
      code: "checkpoint_locked",
    });
    expect(readdirSync(run.directory)).toEqual([]);
  });

  it("reports a directory that is not writable", async () => {
    const run = new Run("exact", { store: new CheckpointStore("/dev/null/run") });
    run.learn();
    run.save();
    await expect(run.settle()).rejects.toMatchObject({ code: "checkpoint_write" });
  });
});
