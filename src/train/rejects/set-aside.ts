import { firstRejected, RejectedWriter } from "../../checkpoints/rejected.js";
import type { CheckpointStore } from "../../checkpoints/store.js";
import { closeAll, closeQuietly } from "../../core/closing.js";
import type { DeadLetterTopic } from "../../sources/kafka/dead-letter.js";
import type { Job } from "../job.js";
import { UnusedLabels } from "../join/unused-labels.js";
import type { RejectSample, Report } from "../metrics/report.js";
import type { TrainMeta } from "../resume.js";
import type { DecodedBatch } from "../stream.js";
import type { RetryOptions } from "../workers/retry.js";
import { keepRejects, rejectSamples } from "./rejects.js";

/** What is kept of a stream without being learned: rejected events, and clicks that label nothing. */
export class SetAside {
  private readonly rejected: RejectedWriter;
  private readonly deadLetters: DeadLetterTopic | null;
  private readonly unused: UnusedLabels | null;
  private readonly earlier: { readonly directory: string; readonly bytes: number };

  private constructor(
    rejected: RejectedWriter,
    deadLetters: DeadLetterTopic | null,
    unused: UnusedLabels | null,
    earlier: SetAside["earlier"],
  ) {
    this.rejected = rejected;
    this.earlier = earlier;
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
      const unused = await UnusedLabels.open(job, store, meta.late_bytes);
      return new SetAside(rejected, deadLetters, unused, { directory: store.directory, bytes: meta.rejected_bytes });
    } catch (error) {
      await closeQuietly(deadLetters, rejected);
      throw error;
    }
  }

  /** The part of a checkpoint's meta. */
  get meta(): Pick<TrainMeta, "rejected_bytes" | "late_bytes"> {
    return { rejected_bytes: this.rejected.bytesWritten, ...this.unused?.meta };
  }

  /** Dead letters of this run that its topic did not accept whole. */
  get truncated(): number {
    return this.deadLetters?.truncated ?? 0;
  }

  /** A report's samples, with those of the run before it was resumed, which came first. */
  samples({ rejected_samples, rejected_by_code }: Report): Readonly<Record<string, RejectSample>> {
    const { directory, bytes } = this.earlier;
    if (bytes === 0) return rejected_samples;
    const first = rejectSamples(firstRejected(directory, bytes, Object.keys(rejected_by_code)));
    return Object.fromEntries(
      Object.keys(rejected_by_code).flatMap((code) => {
        const sample = first[code] ?? rejected_samples[code];
        return sample ? [[code, sample]] : [];
      }),
    );
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
