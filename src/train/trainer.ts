import type { CheckpointContent } from "../checkpoint/checkpoint.js";
import type { ParentRef } from "../checkpoint/manifest.js";
import { RejectedWriter } from "../checkpoint/rejected.js";
import { CheckpointStore, type Skipped } from "../checkpoint/store.js";
import { Batch, type BatchLayout, batchLayout } from "../core/batch.js";
import type { Clock } from "../core/clock.js";
import { HashbrookError } from "../core/errors.js";
import { createModel } from "../model/create.js";
import { blocksOf } from "../model/load.js";
import type { Model } from "../model/model.js";
import { specHash } from "../spec/hash.js";
import { Checkpointer } from "./checkpointer.js";
import type { Consumer, EndedBy, SourceState } from "./consumer.js";
import type { Job, Progress, Report, StreamPosition } from "./job.js";
import { step } from "./step.js";
import type { DecodedBatch } from "./stream.js";
import { START, Tally, type TallyState } from "./tally.js";

/** What a checkpoint's manifest keeps beside the spec. */
interface TrainMeta {
  readonly position: StreamPosition;
  readonly sources: readonly string[];
  readonly rejected_bytes: number;
  readonly tally: TallyState;
}

/** Learns a stream: scores and learns batches, keeps rejects, commits checkpoints. The only writer of its directory. */
export class Trainer implements Consumer {
  readonly capacity: number;
  readonly limit: number;
  private readonly job: Job;
  private readonly layout: BatchLayout;
  private readonly model: Model;
  private readonly store: CheckpointStore;
  private readonly rejected: RejectedWriter;
  private readonly tally: Tally;
  private meta: Omit<TrainMeta, "tally">;
  private readonly checkpointer: Checkpointer;
  private readonly passedOver: readonly Skipped[];

  private constructor(
    job: Job,
    clock: Clock,
    store: CheckpointStore,
    model: Model,
    layout: BatchLayout,
    resumed: Resumed,
  ) {
    this.job = job;
    this.store = store;
    this.model = model;
    this.layout = layout;
    this.capacity = layout.capacity;
    this.tally = new Tally(job.spec, job, clock);
    if (resumed) this.tally.restore(resumed.meta.tally, resumed.blocks);
    if (resumed) model.restore(resumed.blocks);
    this.passedOver = resumed?.skipped ?? [];
    this.meta = resumed?.meta ?? { position: START, sources: [], rejected_bytes: 0 };
    this.rejected = new RejectedWriter(store.directory, this.meta.rejected_bytes);
    this.limit = (job.limit ?? Number.POSITIVE_INFINITY) - this.tally.examples;
    this.checkpointer = new Checkpointer({
      store,
      tables: model.tables,
      clock,
      seconds: job.checkpointSeconds,
      every: job.checkpointEvery,
      keep: job.keep,
      resumed: resumed?.ref ?? null,
      examples: this.tally.examples,
    });
  }

  /**
   * @throws output_exists when the directory holds a model and the job does not resume; checkpoint_mismatch when it was
   * built from another spec; checkpoint_locked while another process trains there
   */
  static async open(job: Job, clock: Clock): Promise<Trainer> {
    const store = new CheckpointStore(job.out!);
    store.lock();
    try {
      const resumed = resume(job, store);
      const layout = batchLayout(job.spec, job.spec.batch);
      const model = await createModel(job.spec, { layout, threads: job.threads, purpose: "train" });
      return new Trainer(job, clock, store, model, layout, resumed);
    } catch (error) {
      store.unlock();
      throw error;
    }
  }

  get start(): StreamPosition {
    return this.meta.position;
  }

  get fingerprints(): readonly string[] {
    return this.meta.sources;
  }

  async consume(decoded: DecodedBatch, { fingerprints, totalBytes }: SourceState): Promise<void> {
    const batch = new Batch(this.layout, decoded.rows, decoded.buffer);
    const skipped =
      batch.rows > 0 ? await step(this.model, this.tally.metrics, this.tally.distinct, batch, decoded.distinct) : 0;
    for (const { bytes, ...reject } of decoded.rejects) this.rejected.append({ ...reject, raw: bytes });
    this.tally.count(batch, decoded, skipped, totalBytes);
    this.meta = { position: decoded.position, sources: fingerprints, rejected_bytes: this.rejected.bytesWritten };
    if (this.checkpointer.due(this.tally.examples)) this.checkpointer.save(this.tally.examples, this.content());
  }

  progress(): Progress {
    return this.tally.progress(this.model);
  }

  async finish(endedBy: EndedBy): Promise<Report> {
    const { path } = await this.checkpointer.finish(this.tally.examples, this.content());
    return { ...this.tally.report(this.model, path, endedBy), passed_over: this.passedOver };
  }

  async close(): Promise<void> {
    await this.checkpointer.close();
    this.rejected.close();
    this.store.unlock();
    await this.model.close();
  }

  /** Everything, for one atomic commit: weights, optimizer state, metrics, counters and the place in the stream. */
  private content(): CheckpointContent {
    this.rejected.sync();
    const { spec } = this.job;
    const meta = { spec, spec_hash: specHash(spec), ...this.meta, tally: this.tally.state() };
    return { meta: JSON.parse(JSON.stringify(meta)), blocks: [...this.model.blocks(), ...this.tally.blocks()] };
  }
}

type Resumed = {
  readonly meta: TrainMeta;
  readonly blocks: ReturnType<typeof blocksOf>;
  readonly skipped: readonly Skipped[];
  readonly ref: ParentRef;
} | null;

/** The newest whole checkpoint of the job's directory, when the job resumes and there is one. */
function resume(job: Job, store: CheckpointStore): Resumed {
  const { checkpoint, skipped } = store.latest();
  if (!checkpoint) return null;
  if (!job.resume) {
    throw new HashbrookError(
      "output_exists",
      `${store.directory}: already holds a model (${checkpoint.examples} examples)`,
      {
        hint: "go on with --resume, or train into another --out directory",
      },
    );
  }
  const hash = specHash(job.spec);
  if (checkpoint.specHash !== hash) {
    throw new HashbrookError(
      "checkpoint_mismatch",
      `${checkpoint.path}: was trained with spec ${checkpoint.specHash}, this spec is ${hash}`,
      {
        hint: "resume with the spec it was trained with (hashbrook inspect prints it), or train into another --out directory",
      },
    );
  }
  const ref = { examples: checkpoint.examples, checksum: checkpoint.chain[0].checksum };
  return { meta: checkpoint.meta as unknown as TrainMeta, blocks: blocksOf(checkpoint), skipped, ref };
}
