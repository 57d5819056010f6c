import { Batch } from "../../core/batch.js";
import type { Clock } from "../../core/clock.js";
import { type LoadedModel, loadModel } from "../../model/load.js";
import { type Consumer, type EndedBy, fromTheStart, type SourceState, type Upstream } from "../consumer.js";
import type { Job } from "../job.js";
import type { Progress, Report } from "../metrics/report.js";
import { RunMetrics } from "../metrics/run-metrics.js";
import type { DecodedBatch } from "../stream.js";
import { QualityByValue } from "./by-value.js";
import { EvaluatedGroups } from "./group-auc.js";

/** Rows scored at a time. */
const CAPACITY = 512;

/** Scores a stream with frozen weights and computes metrics. */
export class Evaluator implements Consumer {
  readonly committed = null;
  readonly ended = null;
  private readonly loaded: LoadedModel;
  private readonly runMetrics: RunMetrics;
  private readonly byValue: QualityByValue | null;
  private readonly grouped: EvaluatedGroups | null;
  /** Texts kept per row. */
  private readonly columns: number;

  private constructor(job: Job, clock: Clock, loaded: LoadedModel) {
    this.loaded = loaded;
    this.runMetrics = new RunMetrics(loaded.spec, job, clock);
    this.grouped = job.group && new EvaluatedGroups(job.group, loaded.spec);
    this.columns = job.kept.length;
    this.byValue = job.by && new QualityByValue(job.by, loaded.model.calibrator !== null);
  }

  static async open(job: Job, clock: Clock, upstream: Upstream): Promise<Evaluator> {
    upstream.start(fromTheStart(job.limit, CAPACITY));
    return new Evaluator(
      job,
      clock,
      await loadModel(job.checkpoint!, { capacity: CAPACITY, threads: job.threads, dims: job.dims }),
    );
  }

  async consume(decoded: DecodedBatch, { totalBytes }: SourceState): Promise<void> {
    const batch = new Batch(this.loaded.layout, decoded.rows, decoded.buffer, decoded.base);
    if (batch.rows > 0) await this.score(batch, decoded);
    this.runMetrics.distinct.merge(decoded.distinct);
    this.runMetrics.count(batch, decoded, 0, totalBytes);
  }

  private async score(batch: Batch, { kept }: DecodedBatch): Promise<void> {
    const { model } = this.loaded;
    await this.runMetrics.curves?.measure(model, batch, this.runMetrics.examples);
    const logits = await model.predict(batch);
    const calibrated = model.calibrator?.apply(logits, batch);
    this.runMetrics.score(logits, batch, [], calibrated);
    this.grouped?.add(logits, batch, kept, this.columns);
    if (kept) this.byValue?.add(logits, calibrated, batch, kept);
  }

  progress(): Omit<Progress, "source"> {
    return this.runMetrics.progress(this.loaded.model);
  }

  async finish(endedBy: EndedBy): Promise<Report> {
    const hopeless = this.runMetrics.hopeless(endedBy);
    if (hopeless) throw hopeless;
    const report = this.runMetrics.report(this.loaded.model, this.loaded.path, endedBy);
    const grouped = this.grouped ? { grouped: this.grouped.report() } : {};
    return { ...report, ...grouped, ...(this.byValue ? { by: this.byValue.report() } : {}) };
  }

  async close(): Promise<void> {
    await this.loaded.model.close();
  }
}
