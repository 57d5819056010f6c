import { RejectedWriter } from "../../checkpoints/rejected.js";
import type { CheckpointStore } from "../../checkpoints/store.js";
import { closeAll, closeQuietly } from "../../core/closing.js";
import type { DeadLetterTopic } from "../../sources/kafka/dead-letter.js";
import type { Job } from "../job.js";
import { UnusedLabels } from "../join/unused-labels.js";
import type { TrainMeta } from "../resume.js";
import type { DecodedBatch } from "../stream.js";
import type { RetryOptions } from "../workers/retry.js";
import { keepRejects } from "./rejects.js";

/** What is kept of a stream without being learned: rejected events, and clicks that label nothing. */
export class SetAside {
  private readonly rejected: RejectedWriter;
  private readonly deadLetters: DeadLetterTopic | null;
  private readonly unused: UnusedLabels | null;

  private constructor(rejected: RejectedWriter, deadLetters: DeadLetterTopic | null, unused: UnusedLabels | null) {
    this.rejected = rejected;
    this.deadLetters = deadLetters;
    this.unused = unused;
  }

  /**
   * @param meta of the checkpoint to resume from
   * @throws checkpoint_mismatch, checkpoint_write; for topics as `DeadLetterTopic.open`
   */
  static async open(
    job: Job,
    store: CheckpointStore,
    meta: Pick<TrainMeta, "rejected_bytes" | "late_bytes">,
  ): Promise<SetAside> {
    const rejected = new RejectedWriter(store.directory, meta.rejected_bytes, store.fenced);
    let deadLetters: DeadLetterTopic | null = null;
    try {
      deadLetters = await deadLettersOf(job);
      return new SetAside(rejected, deadLetters, await UnusedLabels.open(job, store, meta.late_bytes));
    } catch (error) {
      await closeQuietly(deadLetters, rejected);
      throw error;
    }
  }

  /** The part of a checkpoint's meta. */
  get meta(): Pick<TrainMeta, "rejected_bytes" | "late_bytes"> {
    return { rejected_bytes: this.rejected.bytesWritten, ...this.unused?.meta };
  }

  async keep({ rejects, unused = [] }: DecodedBatch, retry: RetryOptions): Promise<void> {
    await keepRejects(rejects, this.rejected, this.deadLetters, retry);
    await this.unused?.keep(unused, retry);
  }

  sync(): void {
    this.rejected.sync();
    this.unused?.sync();
  }

  close(): Promise<void> {
    return closeAll(this.deadLetters, this.unused, this.rejected);
  }
}

async function deadLettersOf({ deadLetters, topic }: Job): Promise<DeadLetterTopic | null> {
  if (!deadLetters) return null;
  const { DeadLetterTopic } = await import("../../sources/kafka/dead-letter.js");
  return DeadLetterTopic.open(deadLetters.kafka, deadLetters.topic, topic?.group);
}
