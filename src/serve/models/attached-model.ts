import { setTimeout as sleep } from "node:timers/promises";
import { batchLayout } from "../../core/batch.js";
import { systemClock } from "../../core/clock.js";
import type { CalibrationState } from "../../delta-log/state.js";
import { createModel } from "../../model/create.js";
import type { UnseenIds } from "../live/unseen.js";
import { CAPACITY, ScoringModel } from "../scoring-model.js";
import { ended } from "../threads/dispatcher.js";
import type { Answering } from "../threads/engine.js";
import { Gate } from "../threads/gate.js";
import type { SharedModel } from "./model-calls.js";
import { SharedValue } from "./shared-value.js";

/** Row counts of the runs that warm a model up. */
const WARM_ROWS = [1, 64, CAPACITY];
/** Runs of a few rows, of which the fastest counts. */
const TIMED_RUNS = 5;
const FEW_ROWS = 8;
/** Milliseconds between two attempts to enter without blocking. */
const RETRY_MS = 1;

/** A model held by another thread, to score with. */
export class AttachedModel {
  private readonly scoring: ScoringModel;
  private readonly gate: Gate;
  private readonly shared: SharedModel;
  private readonly calibration: SharedValue<CalibrationState>;
  private moves = -1;

  private constructor(scoring: ScoringModel, shared: SharedModel, reader: number) {
    this.scoring = scoring;
    this.shared = shared;
    this.gate = new Gate(shared.gate, reader);
    this.calibration = new SharedValue(shared.calibration);
  }

  /** Attaches to a model as reader number `reader`, and runs it a few times to warm it up. */
  static async attach(shared: SharedModel, reader: number): Promise<AttachedModel> {
    const { spec, precision, stores } = shared;
    const sharing = { role: "reader", reader, stores } as const;
    const layout = batchLayout(spec, CAPACITY);
    const options = { layout, threads: 1, purpose: "serve", servingPrecision: precision, sharing } as const;
    const attached = new AttachedModel(new ScoringModel(spec, await createModel(spec, options)), shared, reader);
    await attached.warm();
    return attached;
  }

  /** The current model, which does not change until `leave`. Blocks the thread during a change. */
  enter(): Answering {
    this.gate.enter();
    return this.current();
  }

  /**
   * `enter` for the thread that frees the places of dead readers: if it blocked, a change could wait forever for one of
   * those, and it for the change.
   * @param held whether the thread that changes the model is alive
   * @throws HashbrookError not_ready if it ended during a change
   */
  async enterUnblocked(held = () => true): Promise<Answering> {
    while (!this.gate.tryEnter()) {
      if (!held()) throw ended("the model thread ended while it changed the model");
      await sleep(RETRY_MS);
    }
    return this.current();
  }

  private current(): Answering {
    const { gate, scoring, shared } = this;
    if (this.moves !== gate.moves) {
      scoring.model.serving.refresh(shared.dense);
      const calibration = this.calibration.read();
      if (calibration) scoring.model.calibrator?.use(calibration);
      this.moves = gate.moves;
    }
    return { scoring, examples: gate.examples, stamp: `${shared.id} ${gate.changes}` };
  }

  leave(): void {
    this.gate.leave();
  }

  /** It is being changed: `enter` would wait. */
  get changing(): boolean {
    return this.gate.closed;
  }

  /** How long it takes to score a few rows, in ms. */
  async shortRunMs(): Promise<number> {
    let fastest = Number.POSITIVE_INFINITY;
    for (let run = 0; run < TIMED_RUNS; run++) {
      const started = systemClock.now();
      await this.run(FEW_ROWS);
      fastest = Math.min(fastest, systemClock.now() - started);
    }
    return fastest;
  }

  get unseen(): UnseenIds[] {
    return this.scoring.unseen.counts;
  }

  close(): Promise<void> {
    return this.scoring.close();
  }

  private async warm(): Promise<void> {
    for (const rows of WARM_ROWS) await this.run(rows);
  }

  /** Scores empty candidates. */
  private async run(rows: number): Promise<void> {
    const empty = Buffer.from("{}");
    try {
      await this.enterUnblocked();
      this.scoring.requests.readParts(empty, new Array<Buffer>(rows).fill(empty));
      await this.scoring.predict(rows);
    } finally {
      this.leave();
    }
  }
}
