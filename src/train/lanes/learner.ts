import { blocksOf } from "../../checkpoints/lazy-blocks.js";
import { openCheckpoint } from "../../checkpoints/store.js";
import { batchLayout } from "../../core/batch.js";
import type { Clock } from "../../core/clock.js";
import { HashbrookError } from "../../core/errors.js";
import { joined } from "../../core/joined.js";
import { createModel } from "../../model/create.js";
import type { Model, ModelOptions } from "../../model/model.js";
import type { KnownSchemas } from "../../schema-registry/topic-schemas.js";
import type { CompiledSpec } from "../../spec/compiled.js";
import { specHash } from "../../spec/hash.js";
import type { EndedBy } from "../consumer.js";
import { FirstSteps } from "../first-steps.js";
import type { Job } from "../job.js";
import type { Progress, Report } from "../metrics/report.js";
import type { TrainMeta } from "../resume.js";
import type { DecodedBatch } from "../stream.js";
import { Trainer } from "../trainer.js";
import type { ShardsElsewhere } from "../trainer-options.js";
import type { LanesPosition } from "./position.js";
import { batchOf, type LaneRecord } from "./record.js";

/** Holds a process's model and folds rounds into it: the writer of the run's directory, or one of the replicas. */
export interface Learner {
  readonly model: Model;
  /** Position after the last folded round; null: nothing was folded, and `begin` was not called. */
  readonly position: LanesPosition | null;
  /** Schemas named by events before the position at which this process starts. */
  readonly schemas: KnownSchemas;
  /** Maximum number of events per lane in the next round; depends on the rounds folded so far. */
  readonly laneRows: number;
  /** The same for the round after that; null if it depends on the next round's content. */
  readonly laneRowsAfter: number | null;
  /** Sets the start position of a new run. */
  begin(position: LanesPosition): Promise<void>;
  fold(records: readonly LaneRecord[], position: LanesPosition): Promise<void>;
  /** Publishes and saves what is due while there are no events. */
  idle(): Promise<void>;
  /** null: another process reports progress. */
  progress(): Omit<Progress, "source"> | null;
  finish(endedBy: EndedBy): Promise<Report | null>;
  close(): Promise<void>;
}

/** The process that writes checkpoints, rejected rows and the delta log, and computes metrics. */
export class Writer implements Learner {
  private readonly trainer: Trainer;
  private readonly topic: string;
  private readonly layout: ReturnType<typeof batchLayout>;
  /** Memory for the batch of every round. */
  private readonly buffer: ArrayBuffer;

  private constructor(trainer: Trainer, job: Job) {
    this.trainer = trainer;
    this.topic = job.topic!.topic;
    this.layout = batchLayout(job.spec, job.spec.batch);
    this.buffer = new ArrayBuffer(this.layout.bytes);
  }

  /** @throws HashbrookError as `Trainer.open` */
  static async open(job: Job, clock: Clock, stop: AbortSignal, shards?: ShardsElsewhere): Promise<Writer> {
    const upstream = { join: () => {}, start: () => {}, spare: () => {} };
    const retry = { stop, waiting: () => {} };
    return new Writer(await Trainer.open(job, { clock, follower: null, retry, upstream, shards }), job);
  }

  get model(): Model {
    return this.trainer.model;
  }

  get position(): LanesPosition | null {
    return this.trainer.position as LanesPosition | null;
  }

  get schemas(): KnownSchemas {
    return this.trainer.runMetrics.state().schemas ?? {};
  }

  get laneRows(): number {
    return this.trainer.first.laneRows;
  }

  get laneRowsAfter(): number | null {
    return this.trainer.first.laneRowsAfter;
  }

  begin(position: LanesPosition): Promise<void> {
    return this.trainer.opened(position, this.fingerprints);
  }

  async fold(records: readonly LaneRecord[], position: LanesPosition): Promise<void> {
    const batch = batchOf(this.layout, records, this.buffer);
    const { rows, buffer } = batch;
    if (rows > 0) this.model.lanes!.give(records.map(({ contribution }) => contribution));
    const decoded: DecodedBatch = {
      rows,
      buffer,
      distinct: joined(
        Uint32Array,
        records.map(({ distinct }) => distinct),
      ),
      rejects: records.flatMap(({ rejects }) => rejects),
      schemas: Object.assign({}, ...records.map(({ schemas }) => schemas)),
      tombstones: records.reduce((sum, { tombstones }) => sum + tombstones, 0),
      findings: { constants: [], labels: [] },
      position,
      decisions: [],
      times: [],
      bytesRead: 0,
      seen: [],
      epochs: 0,
    };
    await this.trainer.consume(decoded, { fingerprints: this.fingerprints, totalBytes: null, ends: [] });
  }

  idle(): Promise<void> {
    return this.trainer.idle();
  }

  private get fingerprints(): string[] {
    return [`kafka:${this.topic}`];
  }

  progress(): Omit<Progress, "source"> {
    return this.trainer.progress();
  }

  finish(endedBy: EndedBy): Promise<Report> {
    return this.trainer.finish(endedBy);
  }

  close(): Promise<void> {
    return this.trainer.close();
  }
}

/** Folds the same rounds into its own model as the writer does, but writes nothing. */
export class Replica implements Learner {
  readonly model: Model;
  position: LanesPosition | null;
  readonly schemas: KnownSchemas;
  private readonly first: FirstSteps;

  /** @param meta of the checkpoint that the model was restored from; undefined: a new model */
  private constructor(model: Model, spec: CompiledSpec, meta: TrainMeta | undefined) {
    this.model = model;
    this.first = FirstSteps.of(spec, (meta?.tally.examples ?? 0) > 0, meta?.first_steps);
    this.position = (meta?.position ?? null) as LanesPosition | null;
    this.schemas = meta?.tally.schemas ?? {};
  }

  /**
   * Restores the newest checkpoint in the run's directory; without one, creates a new model.
   * @throws HashbrookError checkpoint_mismatch if it has another spec or a newer format; checkpoint_damaged if none is
   *   intact
   */
  static async open(job: Job, options: Pick<ModelOptions, "share" | "folds"> = {}): Promise<Replica> {
    const { spec } = job;
    const layout = batchLayout(spec, spec.batch);
    const model = await createModel(spec, { layout, threads: job.threads, purpose: "train", ...options });
    const checkpoint = newest(job);
    if (!checkpoint) return new Replica(model, spec, undefined);
    if (checkpoint.specHash !== specHash(spec))
      throw new HashbrookError("checkpoint_mismatch", `${checkpoint.path}: was trained with a different spec`, {
        hint: "use the same spec in all processes of a run",
      });
    model.restore(blocksOf(checkpoint));
    return new Replica(model, spec, checkpoint.meta as unknown as TrainMeta);
  }

  get laneRows(): number {
    return this.first.laneRows;
  }

  get laneRowsAfter(): number | null {
    return this.first.laneRowsAfter;
  }

  async begin(position: LanesPosition): Promise<void> {
    this.position = position;
  }

  async fold(records: readonly LaneRecord[], position: LanesPosition): Promise<void> {
    const contributions = records.map(({ contribution }) => contribution);
    if (contributions.some(({ rows }) => rows > 0))
      this.first.folded(this.model, await this.model.lanes!.fold(contributions));
    this.position = position;
  }

  async idle(): Promise<void> {}

  progress(): null {
    return null;
  }

  async finish(): Promise<null> {
    return null;
  }

  close(): Promise<void> {
    return this.model.close();
  }
}

function newest(job: Job) {
  try {
    return openCheckpoint(job.out!).checkpoint;
  } catch (error) {
    if (error instanceof HashbrookError && error.code === "checkpoint_missing") return null;
    throw error;
  }
}
