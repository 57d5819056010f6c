import { batchLayout } from "../core/batch.js";
import type { CalibrationState, ServingState } from "../delta-log/state.js";
import { createModel } from "../model/create.js";
import type { Model } from "../model/model.js";
import type { CompiledSpec } from "../spec/compiled.js";
import type { SharedStore } from "../tables/sharing.js";
import type { ServingPrecision } from "../tables/table.js";
import type { CheckpointSource } from "./checkpoint-source.js";
import { answered, type Found, type Question } from "./embeddings/ask.js";
import { Gate } from "./gate.js";
import { fillOf, type TableFill } from "./live/fill.js";
import type { SharedModel } from "./model-calls.js";
import { CAPACITY } from "./scoring-model.js";
import { SharedValue } from "./shared-value.js";

/** A model whose rows other threads read. It scores nothing itself. */
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

  /** An empty one, for so many readers. */
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

  /** Applies the pieces of an update, of which readers see all or nothing. They are looked at before readers have to wait. */
  apply(states: readonly ServingState[], examples: number): void {
    const steps = states.map((state) => this.model.serving.prepared(state));
    this.change(() => {
      for (const step of steps) step();
    }, examples);
  }

  /** Takes a checkpoint's model, piece by piece: it was empty. */
  fill({ rowsOf, beside, examples }: CheckpointSource): void {
    const { tables, serving } = this.model;
    this.change(() => {
      for (const { spec } of tables.flatMap(({ stores }) => stores))
        for (const rows of rowsOf(spec)) serving.apply({ tables: [rows], dense: [], statistics: null });
      serving.apply(beside);
    }, examples);
  }

  /** Serves from now on what another checkpoint's model of the same spec does. What differs is found before readers have to wait. */
  become({ rowsOf, beside, examples }: CheckpointSource): void {
    this.apply([...this.model.serving.difference(rowsOf, beside)], examples);
  }

  private change(step: () => void, examples: number): void {
    const { model, gate, shared } = this;
    gate.change(() => {
      step();
      model.serving.tell(shared.dense);
      if (model.calibrator) this.calibration.write(model.calibrator.snapshot());
    }, examples);
  }

  /** What its tables say; no update comes meanwhile. */
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
