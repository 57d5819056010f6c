import type { CheckpointContent } from "../checkpoints/checkpoint.js";
import { CheckpointStore, type Skipped } from "../checkpoints/store.js";
import { Batch, type BatchLayout, batchLayout } from "../core/batch.js";
import { type Closable, closeAll, closeQuietly } from "../core/closing.js";
import type { Model } from "../model/model.js";
import { specHash } from "../spec/hash.js";
import type { StartReport } from "../warm-start/report.js";
import { Checkpointer } from "./checkpointer.js";
import { type Consumer, type EndedBy, isOver, type SourceState } from "./consumer.js";
import { type DedupWindow, dedupOf } from "./dedup.js";
import { Divergence } from "./divergence.js";
import { timesOf } from "./event-times.js";
import type { Plan } from "./files/plan.js";
import type { FirstSteps } from "./first-steps.js";
import type { Job, StreamPosition } from "./job.js";
import { keepCurves } from "./metrics/prefix-curves.js";
import type { EpochQuality, Progress, Report } from "./metrics/report.js";
import { RunMetrics } from "./metrics/run-metrics.js";
import { nameSlices } from "./metrics/slice-names.js";
import { NegativeSampling } from "./negative-sampling.js";
import type { OrderLog } from "./ordering/order-log.js";
import { PendingScores } from "./pending-scores.js";
import { Gatekeeper } from "./publishing/gatekeeper.js";
import type { Publication } from "./publishing/publication.js";
import { Settling } from "./publishing/settling.js";
import { SetAside } from "./rejects/set-aside.js";
import { type Beginning, begin, type Resumed, type TrainMeta } from "./resume.js";
import type { Scored } from "./scored.js";
import { type Started, startModel } from "./start-model.js";
import { settle, step } from "./step.js";
import type { DecodedBatch } from "./stream.js";
import type { TrainerOptions } from "./trainer-options.js";
import { EpochValidation } from "./validation/epoch-validation.js";
import type { RetryOptions } from "./workers/retry.js";

/** Learns a stream: scores and learns batches, keeps rejects, commits checkpoints. The only writer of its directory. */
export class Trainer implements Consumer {
  private readonly job: Job;
  private readonly layout: BatchLayout;
  readonly model: Model;
  private readonly store: CheckpointStore;
  readonly runMetrics: RunMetrics;
  private readonly dedup: DedupWindow | null;
  /** Decisions for a topic's replay; null for files, which leave nothing to decide. */
  readonly order: OrderLog | null;
  private meta: Omit<TrainMeta, "tally" | "validation">;
  readonly first: FirstSteps;
  readonly sampling: NegativeSampling | null;
  readonly scored: Scored | undefined;
  readonly pending: PendingScores | null;
  private readonly validation: EpochValidation;
  private readonly divergence: Divergence;
  private plan: Omit<Plan, "inputs"> | null = null;
  /** The position of the last durable checkpoint of this run. */
  committed: StreamPosition | null = null;
  /** Examples in the last durable checkpoint. */
  private saved: number;
  private readonly retry: RetryOptions;
  private readonly checkpointer: Checkpointer;
  /** Set by `open`. */
  private aside!: SetAside;
  private readonly keeper: Gatekeeper | null;
  private readonly settling: Settling;
  private readonly passedOver: readonly Skipped[];
  private readonly started: StartReport | null;
  private startTold = false;

  private constructor(job: Job, options: TrainerOptions, beginning: Beginning, started: Started) {
    const { store, order, resumed } = beginning;
    this.job = job;
    this.retry = options.retry;
    this.scored = options.scored;
    this.store = store;
    this.order = order;
    this.model = started.model;
    this.layout = batchLayout(job.spec, job.spec.batch);
    this.runMetrics = new RunMetrics(job.spec, job, options.clock);
    if (resumed) this.runMetrics.restore(resumed.meta.tally, resumed.blocks);
    this.started = started.report;
    this.first = started.first;
    this.sampling = NegativeSampling.of(job.spec);
    this.pending = PendingScores.of(job.spec, resumed?.blocks);
    this.saved = this.runMetrics.examples;
    this.passedOver = beginning.passedOver;
    this.dedup = dedupOf(job, resumed);
    this.meta = { ...(resumed?.meta ?? { position: null, sources: [], rejected_bytes: 0 }), ...started.meta };
    this.validation = new EpochValidation(job, store, resumed?.meta.validation);
    this.divergence = new Divergence(job.maxSkipped, job.spec);
    const totals = this.runMetrics.metrics.fresh.all;
    this.keeper = Gatekeeper.of({ spec: job.spec, store, order, clock: options.clock, totals }, resumed);
    this.checkpointer = this.openCheckpointer(options, resumed);
    const { checkpointer, keeper } = this;
    this.settling = new Settling({ checkpointer, order, keeper, topic: job.topic !== null, run: this });
  }

  private openCheckpointer({ clock, shards }: TrainerOptions, resumed: Resumed): Checkpointer {
    const { job, store, model } = this;
    return new Checkpointer({
      store,
      stores: model.tables.flatMap(({ stores }) => stores),
      clock,
      seconds: job.checkpointSeconds,
      every: job.checkpointEvery,
      keep: job.keep,
      resumed: resumed?.ref ?? null,
      examples: this.saved,
      elsewhere: shards && (() => shards.save(this.meta.position)),
      // A file can be read again later; a topic's readers must not wait for a long copy.
      ...(job.topic ? {} : { patient: true, mostChangedBytes: Number.POSITIVE_INFINITY }),
      onCommitted: (meta, { path }) => this.checkpointed(path, meta as unknown as TrainMeta),
    });
  }

  /** A checkpoint is durable. */
  private checkpointed(path: string, { position, tally, validation, gate }: TrainMeta): void {
    this.keeper?.committed(path, gate);
    this.validation.committed(validation);
    this.committed = position;
    this.saved = tally.examples;
  }

  /**
   * The decoding thread begins as soon as the checkpoint has been verified, and the model loads meanwhile.
   * @throws output_exists when the directory holds a model and the job does not resume; checkpoint_mismatch when it was built from
   * another spec; checkpoint_locked while another process trains there
   */
  static async open(job: Job, options: TrainerOptions): Promise<Trainer> {
    const store = new CheckpointStore(job.out!);
    store.lock();
    const lock = { close: () => store.unlock() };
    let opened: readonly (Closable | null)[] = [lock];
    try {
      options.upstream.join();
      const beginning = begin(job, store);
      opened = [beginning.order, lock];
      options.upstream.start(beginning.start);
      const beside = { threads: job.threads, onTowerRun: () => options.upstream.spare(), share: options.shards?.share };
      const model = { layout: batchLayout(job.spec, job.spec.batch), purpose: "train", ...beside } as const;
      const trainer = new Trainer(job, options, beginning, await startModel(job, beginning.resumed, model));
      opened = [trainer];
      await trainer.connect(options, beginning.resumed?.meta);
      return trainer;
    } catch (error) {
      await closeQuietly(...opened);
      throw error;
    }
  }

  private async connect({ clock, follower: port }: TrainerOptions, meta: TrainMeta | undefined): Promise<void> {
    const { job, model, retry } = this;
    this.aside = await SetAside.open(job, this.store, this.meta);
    await this.settling.open(job.publish, { model, clock, directory: this.store.directory, port, retry }, meta);
  }

  private get publication(): Publication | null {
    return this.settling.publication;
  }

  /** The position after what has been learned; null before a new run knows where it begins. */
  get position(): StreamPosition | null {
    return this.meta.position;
  }

  get ended(): EndedBy | null {
    return this.validation.stopped ? "early_stop" : null;
  }

  began(plan: Omit<Plan, "inputs">): void {
    const { pass, start, fingerprints, learned, fresh } = plan;
    this.plan = plan;
    this.meta = { ...this.meta, pass, position: start, sources: fingerprints, ...(learned.length > 0 && { learned }) };
    this.validation.began(fresh, this);
  }

  /** Saves where a topic's run begins before anything is learned: after a kill, "latest" must not mean another position. */
  async opened(position: StreamPosition, fingerprints: readonly string[]): Promise<void> {
    if (this.meta.position !== null) return;
    this.meta = { ...this.meta, position, sources: fingerprints };
    await this.checkpointer.first(this.runMetrics.examples, this.content());
  }

  async consume(decoded: DecodedBatch, source: SourceState): Promise<void> {
    await this.settling.repeat();
    if (this.keeper?.halts) throw this.keeper.halted(this.store.directory);
    const batch = this.admit(decoded);
    const skipped = await this.learn(batch, decoded);
    await this.aside.keep(decoded, this.retry);
    this.count(batch, decoded, skipped, source.totalBytes);
    this.order?.append(decoded.decisions);
    if (decoded.decisions.some(({ kind }) => kind === "anew")) this.settling.decideAnew();
    this.moveTo(decoded.position, source);
    this.publication?.learned(timesOf(batch, decoded));
    await this.settling.settle();
    if (this.keeper?.halts) await this.halt(this.keeper);
  }

  /** The events of a batch, without those that are delivered again. */
  private admit(decoded: DecodedBatch): Batch {
    const all = new Batch(this.layout, decoded.rows, decoded.buffer, decoded.base);
    this.runMetrics.timeUnit.first(all, decoded.rejects);
    const { calibrator } = this.model;
    if (calibrator && decoded.kept) nameSlices(calibrator, all, decoded.kept);
    const batch = this.dedup?.learned(all, decoded.corrections, this.scored !== undefined) ?? all;
    this.runMetrics.duplicates += all.rows - batch.rows + (decoded.repeated ?? 0);
    return batch;
  }

  /** @returns rows that were scored but not learned */
  private async learn(batch: Batch, decoded: DecodedBatch): Promise<number> {
    const skipped = batch.rows > 0 ? await step(this, batch, decoded) : 0;
    if (decoded.settled) settle(this, decoded.settled);
    this.validation.learned(batch);
    return skipped;
  }

  private count(batch: Batch, decoded: DecodedBatch, skipped: number, totalBytes: number | null): void {
    this.runMetrics.count(batch, decoded, skipped, totalBytes);
    this.divergence.check(batch, skipped, this.model, { now: this.runMetrics.examples, saved: this.saved });
    this.keeper?.add(batch, decoded.rejects.length, this);
  }

  private moveTo(position: StreamPosition, { fingerprints, ends }: SourceState): void {
    const pass = this.meta.pass ? { pass: { ...this.meta.pass, ends } } : {};
    this.meta = { ...this.meta, ...pass, position, sources: fingerprints, ...this.aside.meta };
  }

  async validate(decoded: DecodedBatch): Promise<void> {
    const batch = new Batch(this.layout, decoded.rows, decoded.buffer, decoded.base);
    await this.validation.score(this.model, batch, decoded.rejects.length);
  }

  validationEnded(epoch: number | null, data: string): void {
    this.validation.ended(epoch, data, this);
  }

  async idle(): Promise<void> {
    await this.settling.settle();
  }

  /** Ends the run after notifying followers and saving what was learned. @throws gate_held */
  private async halt(keeper: Gatekeeper): Promise<never> {
    const { path } = await this.checkpointer.finish(this.runMetrics.examples, this.content());
    throw keeper.halted(path);
  }

  progress(): Omit<Progress, "source"> {
    const unsaved = this.runMetrics.examples - this.saved;
    const started = this.startTold ? null : this.started;
    this.startTold = true;
    return {
      ...this.runMetrics.progress(this.model),
      unsaved,
      freshness: this.publication?.freshness.percentiles() ?? null,
      started,
      passed_over: this.passedOver,
      validation: this.validation.latest,
      truncated_letters: this.aside.truncated,
      ...(this.keeper && { gate: this.keeper.report() }),
    };
  }

  async finish(endedBy: EndedBy): Promise<Report> {
    const hopeless = this.runMetrics.hopeless(endedBy);
    // A topic's rejects must not come again: the position is saved before the run fails. Files can be corrected and given again.
    if (hopeless && !this.job.topic) throw hopeless;
    if (endedBy !== "stopped" && (await this.first.foldRest(this.model))) this.publication?.learned(new Float64Array());
    await this.settling.publishRest();
    const { pass } = this.meta;
    if (pass && isOver(endedBy)) this.meta = { ...this.meta, pass: { ...pass, finished: true } };
    const kept = await this.validation.kept(endedBy, this.layout);
    const model = kept.model ?? this.model;
    const { path } = await this.checkpointer.finish(this.runMetrics.examples, this.content(model));
    this.keeper?.ended(path);
    this.publication?.throwFailure(path);
    if (hopeless) throw hopeless;
    const report = this.report(model, path, endedBy, kept.quality);
    await kept.model?.close();
    return report;
  }

  private report(model: Model, path: string, endedBy: EndedBy, kept: EpochQuality | null): Report {
    const report = this.runMetrics.report(model, path, endedBy);
    if (report.nested) keepCurves(this.store.directory, report.nested);
    const { validation, warnings } = this.validation.report(kept);
    return {
      ...report,
      rejected_samples: this.aside.samples(report),
      ...(this.aside.truncated > 0 && { truncated_letters: this.aside.truncated }),
      ...(this.started ? { started: this.started } : {}),
      warnings: [...report.warnings, ...warnings],
      validation,
      ...(this.keeper && { gate: this.keeper.report() }),
      known_files: this.plan?.known ?? [],
      left_files: this.plan?.left ?? [],
      passed_over: this.passedOver,
    };
  }

  close(): Promise<void> {
    const lock = { close: () => this.store.unlock() };
    return closeAll(this.checkpointer, this.publication, this.aside, this.order, lock, this.model);
  }

  /** Everything, for one atomic commit: weights, optimizer state, metrics, counters and the position in the stream. */
  content(model = this.model): CheckpointContent {
    this.aside.sync();
    this.order?.sync();
    const { spec } = this.job;
    const publisher = this.settling.publisherAfter(this.meta.publisher);
    const { state } = this.validation;
    // Left out if the spec no longer has a gate.
    const gate = this.keeper?.gate.state;
    const kept = { ...this.meta, publisher, gate, ...(state ? { validation: state } : {}), ...this.first.meta };
    const meta = { spec, spec_hash: specHash(spec), ...kept, tally: this.runMetrics.state() };
    const windows = [this.dedup, this.pending].flatMap((window) => window?.block() ?? []);
    const blocks = [...model.blocks(), ...this.runMetrics.blocks(), ...windows, ...(this.keeper?.gate.blocks() ?? [])];
    return { meta: JSON.parse(JSON.stringify(meta)), blocks };
  }
}
