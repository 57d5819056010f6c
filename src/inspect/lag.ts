import { openCheckpoint, type Skipped } from "../checkpoints/store.js";
import { checkArguments } from "../core/arguments.js";
import { HashbrookError } from "../core/errors.js";
import { type KafkaAdmin, type Watermarks, withAdmin } from "../sources/kafka/admin.js";
import type { KafkaOptions } from "../sources/kafka/options.js";

/** Whose lag to compute, and behind which topic. */
export interface LagOptions {
  /** The cluster. */
  readonly kafka: KafkaOptions;
  /** The topic's name. */
  readonly topic: string;
  /** Compare with what this consumer group has committed; either this or `checkpoint`. */
  readonly group?: string | undefined;
  /**
   * Compare with what a run's newest intact checkpoint (or one checkpoint) has learned: this is accurate even after a crash.
   */
  readonly checkpoint?: string | undefined;
  /** Called with the damaged checkpoints that were skipped, before the cluster is contacted. */
  readonly onPassedOver?: ((skipped: readonly Skipped[]) => void) | undefined;
}

/** How much of one partition has been learned. Offsets and lengths are counts of messages. */
export interface PartitionLag {
  /** Its number. */
  readonly partition: number;
  /** Next offset to be learned; null if nothing of the partition has been. */
  readonly position: number | null;
  /** First offset still in the topic. */
  readonly start: number;
  /** Offset of the next message to come. */
  readonly end: number;
  /** Messages in the topic that have not been learned. */
  readonly lag: number;
  /** Messages deleted by retention before they were learned. */
  readonly lost: number;
}

/** How far a trainer is behind a topic. */
export interface LagReport {
  /** The topic's name. */
  readonly topic: string;
  /** Over all partitions. */
  readonly lag: number;
  /** Over all partitions. */
  readonly lost: number;
  /** Sorted by number. */
  readonly partitions: readonly PartitionLag[];
}

/**
 * How far a trainer is behind its Kafka topic, partition by partition.
 * @throws HashbrookError usage unless one of `group` and `checkpoint` is given; checkpoint_missing | checkpoint_damaged;
 *   checkpoint_mismatch where the checkpoint was not learned from Kafka; stream_changed where it was from another topic;
 *   kafka_unreachable | kafka_auth | kafka_topic_missing | kafka_failed
 */
export async function lag(options: LagOptions): Promise<LagReport> {
  checkArguments("lag", options, { kafka: "kafka", topic: "text", group: "?text", checkpoint: "?path" });
  const { kafka, topic, group, checkpoint } = options;
  if ((group === undefined) === (checkpoint === undefined)) {
    throw new HashbrookError("usage", "exactly one of --group and --checkpoint is required", {
      hint: "give --group NAME for the offsets committed to Kafka, or --checkpoint DIR for those of a checkpoint",
    });
  }
  const learned = checkpoint === undefined ? null : checkpointOffsets(checkpoint, options);
  const partitions = await withAdmin(kafka, async (admin) => {
    const marks = await admin.watermarks(topic);
    return lags(marks, learned ?? (await admin.committed(group!, topic)));
  });
  const sum = (name: "lag" | "lost") => partitions.reduce((total, partition) => total + partition[name], 0);
  return { topic, lag: sum("lag"), lost: sum("lost"), partitions };
}

/** The offsets of a checkpoint, by partition number. */
function checkpointOffsets(path: string, { topic, onPassedOver }: LagOptions): (bigint | null)[] {
  const { checkpoint, skipped } = openCheckpoint(path);
  onPassedOver?.(skipped);
  const { meta } = checkpoint;
  const position = meta.position as { topic?: unknown; offsets?: unknown } | undefined;
  const offsets = position?.offsets;
  if (!Array.isArray(offsets) || !offsets.every((offset) => typeof offset === "string" && /^\d+$/.test(offset))) {
    throw new HashbrookError("checkpoint_mismatch", `${path}: was not learned from Kafka`, {
      hint: "use a run of train --kafka",
    });
  }
  if (position?.topic !== topic) {
    throw new HashbrookError("stream_changed", `${path}: was learned from topic ${String(position?.topic)}`, {
      hint: `give --topic ${String(position?.topic)}`,
    });
  }
  return offsets.map(BigInt);
}

function lags(
  marks: Awaited<ReturnType<KafkaAdmin["watermarks"]>>,
  positions: readonly (bigint | null)[],
): PartitionLag[] {
  return marks.map((mark, partition) => lagOf(mark, partition, positions[partition] ?? null));
}

function lagOf({ low, high }: Watermarks, partition: number, position: bigint | null): PartitionLag {
  const from = position !== null && position > low ? position : low;
  const lost = position !== null && position < low ? low - position : 0n;
  return {
    partition,
    position: position === null ? null : Number(position),
    start: Number(low),
    end: Number(high),
    lag: Number(high > from ? high - from : 0n),
    lost: Number(lost),
  };
}
