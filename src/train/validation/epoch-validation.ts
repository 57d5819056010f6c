import type { CheckpointContent } from "../../checkpoints/checkpoint.js";
import type { CheckpointStore } from "../../checkpoints/store.js";
import type { Batch, BatchLayout } from "../../core/batch.js";
import type { Model } from "../../model/model.js";
import { type EndedBy, isOver } from "../consumer.js";
import type { Job } from "../job.js";
import type { EpochQuality, ValidationReport, Warning } from "../metrics/report.js";
import { BestEpoch } from "./best-epoch.js";
import { Validation, type ValidationState } from "./validation.js";

/** Examples learned so far, and the complete state of the run. */
interface Run {
  readonly runMetrics: { readonly examples: number };
  content(): CheckpointContent;
}

/** The weights that a run keeps at its end, if they are not the last ones. */
interface KeptEpoch {
  /** null: nothing was validated. */
  readonly quality: EpochQuality | null;
  /** null: the model as it is. */
  readonly model: Model | null;
}

/** A run's validation after each epoch, and when it stops early, the epoch whose weights it keeps. */
export class EpochValidation {
  private readonly job: Job;
  private readonly validation: Validation;
  private readonly best: BestEpoch;
  private stops = false;

  constructor(job: Job, store: CheckpointStore, state: ValidationState | undefined) {
    this.job = job;
    this.validation = new Validation(job.spec.window, state);
    this.best = new BestEpoch(store);
  }

  /** Whether enough epochs have passed without a better one. */
  get stopped(): boolean {
    return this.stops;
  }

  /** For a checkpoint's manifest; null before there is anything to keep. */
  get state(): ValidationState | null {
    return this.validation.state;
  }

  get latest(): EpochQuality | null {
    return this.validation.latest;
  }

  /** Files were opened. @param fresh others than before: earlier figures are not comparable */
  began(fresh: boolean, run: Run): void {
    if (fresh) this.validation.begin();
    if (this.job.earlyStop !== null) this.best.begin(this.validation, run.runMetrics.examples, () => run.content());
    this.decide();
  }

  /** Records the time of a learned batch, if its events have times and some are validated. */
  learned(batch: Batch): void {
    const validates = this.job.validate.length > 0 || this.job.validateLast !== null;
    if (validates && this.job.spec.label.time) this.validation.learned(batch);
  }

  /** Scores a batch of validation events. */
  async score(model: Model, batch: Batch, rejected: number): Promise<void> {
    this.validation.add(await model.predict(batch), batch, rejected);
  }

  /** All validation events of `data` were scored, after `epoch` passes (null: at the limit). */
  ended(epoch: number | null, data: string, run: Run): void {
    const { examples } = run.runMetrics;
    const better = this.validation.end(epoch, examples, data);
    if (this.job.earlyStop === null) return;
    if (better) this.best.save(examples, run.content());
    this.decide();
  }

  private decide(): void {
    const { earlyStop } = this.job;
    this.stops ||= earlyStop !== null && this.validation.best !== null && this.validation.since >= earlyStop;
  }

  /** A checkpoint with this state is durable. */
  committed(state: ValidationState | undefined): void {
    this.best.forget(state);
  }

  /** What to keep at the end of the run. @throws checkpoint_missing, checkpoint_damaged */
  async kept(endedBy: EndedBy, layout: BatchLayout): Promise<KeptEpoch> {
    const { best, latest } = this.validation;
    if (!isOver(endedBy) || this.job.earlyStop === null || !best) return { quality: latest, model: null };
    const isLast = best.epoch === latest?.epoch;
    return { quality: best, model: isLast ? null : await this.best.load(best.learned, this.job, layout) };
  }

  /** @param kept the figures of the weights that the run keeps */
  report(kept: EpochQuality | null): { validation: ValidationReport | null; warnings: readonly Warning[] } {
    const { time } = this.job.spec.label;
    return { validation: this.validation.report(kept), warnings: this.validation.warnings(time?.from) };
  }
}
