import type { CheckpointContent } from "../../checkpoints/checkpoint.js";
import { afterUnpublished, type PublisherState } from "../../delta-log/publisher.js";
import type { Checkpointer } from "../checkpointer.js";
import type { PublishSpec, StreamPosition } from "../job.js";
import type { OrderLog } from "../ordering/order-log.js";
import type { TrainMeta } from "../resume.js";
import type { Gatekeeper } from "./gatekeeper.js";
import type { Publication, PublicationOptions } from "./publication.js";

export interface SettlingOptions {
  readonly checkpointer: Checkpointer;
  readonly order: OrderLog | null;
  /** null: everything learned is published. */
  readonly keeper: Gatekeeper | null;
  readonly run: {
    readonly runMetrics: { readonly examples: number };
    readonly position: StreamPosition | null;
    content(): CheckpointContent;
  };
  /** Learning from a topic: a checkpoint is useful even before there are examples. */
  readonly topic: boolean;
}

type Given = "spec" | "order" | "keeper" | "state" | "wasHeld";

/** What a run does between two batches: publishes, resumes publication after a hold, and saves checkpoints. */
export class Settling {
  private readonly options: SettlingOptions;
  /** null: nothing is published. */
  publication: Publication | null = null;
  /** Examples when this process began. */
  private begun = 0;

  constructor(options: SettlingOptions) {
    this.options = options;
  }

  /**
   * Opens publication, if the job publishes.
   * @param meta of the checkpoint that is resumed from
   * @throws HashbrookError usage, kafka_…, log_…
   */
  async open(
    spec: PublishSpec | null,
    to: Omit<PublicationOptions, Given>,
    meta: TrainMeta | undefined,
  ): Promise<void> {
    const { keeper, order } = this.options;
    this.begun = this.options.run.runMetrics.examples;
    if (!spec) return;
    const { Publication } = await import("./publication.js");
    const wasHeld = !keeper && meta?.gate?.hold != null;
    const options = { ...to, spec, order: order!, keeper, state: meta?.publisher ?? null, wasHeld };
    this.publication = await Publication.open(options);
  }

  /**
   * A publisher's state for a checkpoint.
   * @param before that of an earlier run, whose followers do not get what is learned without publication
   */
  publisherAfter(before: PublisherState | undefined): PublisherState | undefined {
    if (this.publication) return this.publication.state;
    const learned = this.options.run.runMetrics.examples > this.begun;
    return before && learned ? afterUnpublished(before) : before;
  }

  /**
   * Publishes and saves what is due. A checkpoint does not record which rows are not published yet, so an entry
   * precedes it; while entries of a killed run are repeated, a checkpoint comes right after one of them.
   */
  async settle(): Promise<void> {
    const { publication } = this;
    const { checkpointer, topic, run } = this.options;
    await this.repeat();
    const { examples } = run.runMetrics;
    // A standby does not know yet where its run begins: it has nothing to save.
    const begun = topic ? run.position !== null : examples > 0;
    const save = begun && (!publication?.replaying || publication.clean) && checkpointer.due(examples);
    if (publication && !publication.replaying && (save ? !publication.clean : await publication.due(examples)))
      await this.publish(publication);
    if (save) await checkpointer.save(examples, run.content());
  }

  /** Repeats what a killed run did at this point, before anything more is learned, which would become part of it. */
  async repeat(): Promise<void> {
    const { publication } = this;
    const { keeper, run } = this.options;
    for (;;) {
      const { examples } = run.runMetrics;
      const next = (publication?.state.number ?? -1) + 1;
      if (keeper?.resumes(examples, next)) this.resume(keeper, examples, next);
      else if (publication?.replaying && (await publication.due(examples))) await this.publish(publication);
      else return;
    }
  }

  /** @param runEnds if publishing fails, the run's last checkpoint comes first */
  private async publish(publication: Publication, runEnds = false): Promise<void> {
    const { position, runMetrics } = this.options.run;
    // In a replay, added partitions join only after what was published without them.
    if (position && "messages" in position && !publication.replaying)
      this.options.order?.append([{ kind: "partitions", at: position.messages, count: position.offsets.length }]);
    await publication.publish(runMetrics.examples, runEnds);
  }

  /** Publishes, at the end of the run, what is not published yet. */
  async publishRest(): Promise<void> {
    const { publication } = this;
    if (!publication || publication.clean) return;
    publication.decideAnew();
    await this.publish(publication, true);
  }

  /** The stream takes another course than in the run that was killed: what that run did from here on is not repeated. */
  decideAnew(): void {
    this.publication?.decideAnew();
    this.options.keeper?.decideAnew();
  }

  private resume(keeper: Gatekeeper, examples: number, next: number): void {
    keeper.resume(examples, next);
    this.publication?.resume();
  }
}
