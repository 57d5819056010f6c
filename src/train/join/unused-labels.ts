import { KeptLines } from "../../checkpoints/rejected.js";
import type { CheckpointStore } from "../../checkpoints/store.js";
import { closeAll, closeQuietly } from "../../core/closing.js";
import type { KafkaProducer } from "../../sources/kafka/producer.js";
import type { Job } from "../job.js";
import { type RetryOptions, retried } from "../workers/retry.js";
import type { UnusedLabel } from "./unused-label.js";

/**
 * Keeps clicks that label nothing: in `rejected/late.jsonl`, whose valid length a checkpoint stores, and in a topic,
 * which may contain them twice after a kill.
 */
export class UnusedLabels {
  private readonly file: KeptLines;
  private readonly producer: KafkaProducer | null;

  private constructor(file: KeptLines, producer: KafkaProducer | null) {
    this.file = file;
    this.producer = producer;
  }

  /**
   * null if they are not kept.
   * @param bytes length stored in the checkpoint to resume from
   * @throws as `KeptLines`; kafka_unreachable, kafka_auth, kafka_topic_missing
   */
  static async open({ unused }: Job, { directory, fenced }: CheckpointStore, bytes = 0): Promise<UnusedLabels | null> {
    if (!unused) return null;
    const file = new KeptLines(directory, "late.jsonl", bytes, fenced);
    if (unused.topic === null) return new UnusedLabels(file, null);
    try {
      const { KafkaProducer } = await import("../../sources/kafka/producer.js");
      return new UnusedLabels(file, await KafkaProducer.open(unused.topic.kafka, unused.topic.topic));
    } catch (error) {
      await closeQuietly(file);
      throw error;
    }
  }

  /** What a checkpoint remembers. */
  get meta(): { readonly late_bytes: number } {
    return { late_bytes: this.file.bytesWritten };
  }

  async keep(labels: readonly UnusedLabel[], retry: RetryOptions): Promise<void> {
    for (const label of labels) this.file.add(label);
    const { producer } = this;
    if (!producer || labels.length === 0) return;
    const records = labels.map((label) => ({
      key: label.id ?? JSON.stringify(label.key),
      value: JSON.stringify(label),
      headers: { reason: label.reason },
    }));
    await retried("late labels", () => producer.send(records), retry);
  }

  sync(): void {
    this.file.sync();
  }

  close(): Promise<void> {
    return closeAll(this.producer, this.file);
  }
}
