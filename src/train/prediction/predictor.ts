import { Batch } from "../../core/batch.js";
import type { Clock } from "../../core/clock.js";
import { type OutputFile, writeOut } from "../../core/output.js";
import { sigmoid } from "../../metrics/kernel.js";
import { type LoadedModel, loadModel } from "../../model/load.js";
import { type Consumer, type EndedBy, fromTheStart, type SourceState, type Upstream } from "../consumer.js";
import type { Job } from "../job.js";
import type { Progress, Report } from "../metrics/report.js";
import { RunMetrics } from "../metrics/run-metrics.js";
import type { DecodedBatch } from "../stream.js";
import { type LineOptions, type Predictions, predictionHeader, predictionLines } from "./lines.js";

/** Rows scored at a time. */
const CAPACITY = 512;

/** Writes a line for every row of a stream: its probability, or none for a rejected one. */
export class Predictor implements Consumer {
  readonly committed = null;
  readonly ended = null;
  private readonly loaded: LoadedModel;
  private readonly runMetrics: RunMetrics;
  private readonly out: OutputFile & LineOptions;
  /** Empty once it has been written. */
  private header: string;

  private constructor(job: Job, clock: Clock, loaded: LoadedModel) {
    this.loaded = loaded;
    this.runMetrics = new RunMetrics(loaded.spec, job, clock);
    this.out = job.output!;
    this.header = predictionHeader(this.out);
  }

  static async open(job: Job, clock: Clock, upstream: Upstream): Promise<Predictor> {
    upstream.start(fromTheStart(job.limit, CAPACITY));
    return new Predictor(
      job,
      clock,
      await loadModel(job.checkpoint!, { capacity: CAPACITY, threads: job.threads, dims: job.dims }),
    );
  }

  async consume(decoded: DecodedBatch, { totalBytes }: SourceState): Promise<void> {
    const batch = new Batch(this.loaded.layout, decoded.rows, decoded.buffer, decoded.base);
    const scores = await this.predict(batch);
    this.runMetrics.count(batch, decoded, 0, totalBytes);
    await this.write(predictionLines(this.out, decoded.kept!, scores));
  }

  private async predict(batch: Batch): Promise<Predictions> {
    const { model } = this.loaded;
    const logits = batch.rows > 0 ? await model.predict(batch) : new Float32Array();
    const calibrated = model.calibrator?.apply(logits, batch);
    return { raw: sigmoid(logits), calibrated: calibrated ? sigmoid(calibrated) : null };
  }

  progress(): Omit<Progress, "source"> {
    return this.runMetrics.progress(this.loaded.model);
  }

  async finish(endedBy: EndedBy): Promise<Report> {
    await this.write("");
    return this.runMetrics.report(this.loaded.model, this.loaded.path, endedBy);
  }

  private async write(lines: string): Promise<void> {
    const text = this.header + lines;
    this.header = "";
    await writeOut(this.out, Buffer.from(text));
  }

  async close(): Promise<void> {
    await this.loaded.model.close();
  }
}
