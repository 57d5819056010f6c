import { setTimeout as sleep } from "node:timers/promises";
import { batchLayout } from "../../core/batch.js";
import { systemClock } from "../../core/clock.js";
import { checkMemory } from "../../core/memory.js";
import type { CalibrationState, ServingState } from "../../delta-log/state.js";
import { createModel } from "../../model/create.js";
import type { Model } from "../../model/model.js";
import type { CompiledSpec } from "../../spec/compiled.js";
import { exactIndexBytes } from "../../tables/bytes.js";
import type { RowStore } from "../../tables/row-store.js";
import type { SharedStore } from "../../tables/sharing.js";
import type { ServingPrecision } from "../../tables/table.js";
import { answered, type Found, type Question } from "../embeddings/ask.js";
import { fillOf, type TableFill } from "../live/fill.js";
import { CAPACITY } from "../scoring-model.js";
import { Gate } from "../threads/gate.js";
import type { CheckpointSource } from "./checkpoint-source.js";
import type { SharedModel } from "./model-calls.js";
import { SharedValue } from "./shared-value.js";

/** Rows of an update that are applied at once while readers wait: about a millisecond. */
const AT_ONCE = 8192;
/** Larger ones are applied in slices of this length, with equal time for readers in between. */
const SLICE_MS = 0.5;
const REST_MS = 1;

/** A model whose rows other threads read. It does not score. */
export class HeldModel {
  readonly shared: SharedModel;
  private readonly model: Model;
  private readonly gate: Gate;
  private readonly calibration: SharedValue<CalibrationState>;

  private constructor(shared: SharedModel, model: Model) {
    this.shared = shared;
    this.model = model;
    this.gate = new Gate(shared.gate);
    this.calibration = new SharedValue(shared.calibration);
  }

  /** Creates an empty model for a number of readers. */
  static async create(
    spec: CompiledSpec,
    { id, readers, precision }: { id: number; readers: number; precision: ServingPrecision | undefined },
  ): Promise<HeldModel> {
    const stores = new Map<string, SharedStore>();
    const sharing = { role: "owner", readers, stores } as const;
    const layout = batchLayout(spec, CAPACITY);
    const model = await createModel(spec, {
      layout,
      threads: 1,
      purpose: "hold",
      servingPrecision: precision,
      sharing,
    });
    const dense = new SharedArrayBuffer(model.serving.denseBytes);
    model.serving.tell(dense);
    const gate = Gate.memoryFor(readers);
    const { memory } = new SharedValue();
    return new HeldModel({ id, spec, precision, stores, gate, dense, calibration: memory }, model);
  }

  /**
   * Applies the parts of an update, of which readers see all or nothing. Parts are validated before readers must wait;
   * most of a large update is staged beside what they read, a few rows at a time.
   */
  async apply(states: readonly ServingState[], examples: number): Promise<void> {
    const { serving } = this.model;
    const tables = states.flatMap((state) => state.tables);
    const rows = tables.reduce((sum, { keys, removed }) => sum + keys.length + removed.length, 0);
    if (rows > AT_ONCE) return this.applyStaged(states, examples);
    const steps = states.map((state) => serving.prepared(state));
    this.change(() => {
      for (const step of steps) step();
    }, examples);
  }

  private async applyStaged(states: readonly ServingState[], examples: number): Promise<void> {
    const update = this.move(() => this.model.serving.staged(states));
    await this.inSlices(update.stage());
    this.change(() => update.show(), examples);
    await this.inSlices(update.settle());
    this.move(() => {});
  }

  /**
   * Loads a checkpoint's model into an empty one, chunk by chunk.
   * @throws HashbrookError memory_short
   */
  fill({ path, rowCount, rowsOf, beside, examples }: CheckpointSource): void {
    const { tables, serving } = this.model;
    const stores = tables.flatMap((table) => table.stores);
    const counts = stores.map(({ spec }) => rowCount(spec));
    checkMemory(
      path,
      stores.reduce((sum, store, i) => sum + servedBytes(store, counts[i]), 0),
    );
    this.change(() => {
      stores.forEach((store, i) => {
        store.makeRoom(counts[i]);
        for (const rows of rowsOf(store.spec)) serving.apply({ tables: [rows], dense: [], statistics: null });
      });
      serving.apply(beside);
    }, examples);
  }

  /**
   * Becomes another checkpoint's model of the same spec. Differences are determined before readers must wait.
   * @throws HashbrookError memory_short, if rows that differ do not fit beside those that are read meanwhile
   */
  async become({ path, rowsOf, beside, examples }: CheckpointSource): Promise<void> {
    const states: ServingState[] = [];
    let staged = 0;
    for (const state of this.model.serving.difference(rowsOf, beside)) {
      states.push(state);
      for (const { keys, weights } of state.tables) staged += keys.byteLength + weights.byteLength;
      checkMemory(path, staged, 0);
    }
    await this.apply(states, examples);
  }

  private change(step: () => void, examples: number): void {
    const { model, gate, shared } = this;
    gate.change(() => {
      step();
      model.serving.tell(shared.dense);
      if (model.calibrator) this.calibration.write(model.calibrator.snapshot());
    }, examples);
  }

  /** Runs a step that moves data without changing it. */
  private move<T>(step: () => T): T {
    let made: T;
    this.gate.move(() => {
      made = step();
      this.model.serving.tell(this.shared.dense);
    });
    return made!;
  }

  /** Runs steps while there is no reader, for a moment at a time, and lets readers continue in between. */
  private async inSlices(steps: Iterator<void>): Promise<void> {
    for (let done = false; !done; await sleep(REST_MS)) {
      this.gate.close(() => {
        const until = systemClock.now() + SLICE_MS;
        do done = steps.next().done === true;
        while (!done && systemClock.now() < until);
      });
    }
  }

  /** Queries its tables; no update comes meanwhile. */
  ask(question: Question): Promise<Found> {
    return answered(async (step) => step(this.model), question);
  }

  get fills(): TableFill[] {
    return fillOf(this.model);
  }

  close(): Promise<void> {
    return this.model.close();
  }
}

/** Bytes of a served store's rows and index; that of a store which stages updates has room for as many rows again. */
function servedBytes({ layout, keyed, stages }: RowStore, rows: number): number {
  return rows * layout.stride + (keyed ? exactIndexBytes(stages ? 2 * rows : rows) : 0);
}
