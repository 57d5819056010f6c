import { systemClock } from "../../core/clock.js";
import { loadModel } from "../../model/load.js";
import type { RowDirectory } from "../../row-store/row-directory.js";
import type { Dims } from "../../spec/cut.js";
import type { ServingPrecision } from "../../tables/table.js";
import { answered, type Found, type Question } from "../embeddings/ask.js";
import { notReady, steadily } from "../embeddings/steady.js";
import { fillOf, type TableFacts } from "../live/fill.js";
import { qualityOf } from "../live/quality.js";
import { StoredModel, type Storing } from "../models/stored-model.js";
import { CAPACITY, ScoringModel } from "../scoring-model.js";
import { checkSnapshotFits } from "../snapshot-memory.js";
import type { Ask, Lane, TurnResult } from "./dispatcher.js";
import { type Answering, Engine } from "./engine.js";
import type { Current, Host, HostedCheckpoint } from "./host.js";

export interface LocalOptions {
  readonly precision?: ServingPrecision | undefined;
  readonly dims?: Dims | undefined;
  readonly prior?: number | undefined;
  readonly rows?: RowDirectory | undefined;
}

/** Scores in the calling thread. */
export class LocalHost implements Host, Lane {
  readonly lanes = [this];
  private readonly precision: ServingPrecision | undefined;
  private readonly dims: Dims | undefined;
  private readonly prior: number | undefined;
  private readonly storing: Storing | undefined;
  private readonly engine: Engine;
  private current: () => Current | null = () => null;
  private last: Promise<unknown> = Promise.resolve();

  /**
   * @param dims prefixes that nested vectors of checkpoints are cut to
   * @param prior computes how uncertain logits are: the precision of a weight without events
   * @param rows storage for rows, instead of memory
   */
  constructor({ precision, dims, prior, rows }: LocalOptions = {}) {
    this.precision = precision;
    this.dims = dims;
    this.prior = prior;
    this.storing = rows && { directory: rows, precision };
    this.engine = new Engine({ enter: () => this.answering(), leave: () => {}, now: () => systemClock.now() });
  }

  answer(current: () => Current | null): void {
    this.current = current;
  }

  async open(spec: unknown, run: string, bytes = 0): Promise<ScoringModel> {
    if (this.storing) return StoredModel.ofSnapshot(spec, run, this.storing);
    checkSnapshotFits(bytes, this.precision);
    return ScoringModel.open(spec, run, this.precision);
  }

  /** Without a precision, rows stay as they were trained. */
  async load(path: string): Promise<HostedCheckpoint> {
    if (this.storing) return StoredModel.ofCheckpoint(path, this.storing);
    const loaded = await loadModel(path, { capacity: CAPACITY, threads: 1, dims: this.dims });
    const { spec, examples, model, skipped } = loaded;
    const { precision, prior } = this;
    const scoring = precision ? await ScoringModel.held(model, precision) : new ScoringModel(spec, model, prior);
    return { model: scoring, examples, skipped, quality: qualityOf(loaded) };
  }

  async turn(asked: readonly Ask[], dropped: readonly number[]): Promise<TurnResult> {
    for (const id of dropped) this.engine.drop(id);
    for (const ask of asked) this.engine.add(ask);
    const outcomes = await this.between(() => this.engine.run());
    // Handles what came in during the run.
    if (this.engine.open > 0) await new Promise((resolve) => setImmediate(resolve));
    return { outcomes, open: this.engine.open };
  }

  ask(question: Question): Promise<Found> {
    const now = () => {
      const answering = this.answering();
      return answering && { model: answering.scoring.model, stamp: String(answering.stamp) };
    };
    return steadily(
      now,
      (step) => this.between(step),
      (look) => answered(look, question),
    );
  }

  facts(): Promise<TableFacts> {
    return this.between(() => {
      const { model, unseen } = this.answering()?.scoring ?? missing();
      return { tables: fillOf(model), unseen: unseen.counts };
    });
  }

  /** Runs a step after all earlier ones: complete scoring runs, or complete changes of the model. */
  between<T>(step: () => T | Promise<T>): Promise<T> {
    const run = this.last.then(step);
    this.last = run.catch(() => undefined);
    return run;
  }

  async close(): Promise<void> {
    await this.last;
  }

  private answering(): Answering | null {
    const now = this.current();
    if (!now) return null;
    const scoring = now.model as ScoringModel;
    return { scoring, examples: now.examples, stamp: `${scoring.serial} ${scoring.changes}` };
  }
}

function missing(): never {
  throw notReady();
}
