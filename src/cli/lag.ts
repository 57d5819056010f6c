import { Command } from "commander";
import { openCheckpoint } from "../checkpoints/store.js";
import { HashbrookError } from "../core/errors.js";
import { type KafkaAdmin, type Watermarks, withAdmin } from "../sources/kafka/admin.js";
import { kafkaOptions } from "../sources/kafka/options.js";
import { brokers, KAFKA_ENVIRONMENT, topicName } from "./options.js";
import { tellPassedOver } from "./summary.js";

interface Flags {
  kafka: string;
  topic: string;
  group?: string;
  checkpoint?: string;
  json?: true;
}

/** How far one partition has been learned. */
interface PartitionLag {
  readonly partition: number;
  /** Next offset to be learned; null when nothing of the partition has been. */
  readonly position: number | null;
  readonly start: number;
  readonly end: number;
  /** Messages in the topic that have not been learned. */
  readonly lag: number;
  /** Messages deleted by retention before they were learned. */
  readonly lost: number;
}

export function lagCommand(): Command {
  return new Command("lag")
    .description("Show how far a trainer is behind its Kafka topic, partition by partition")
    .requiredOption("--kafka <brokers>", "host:port of the cluster's brokers, commas between", brokers)
    .requiredOption("--topic <name>", "the topic", topicName)
    .option("--group <name>", "what the consumer group has committed")
    .option("--checkpoint <dir>", "or what a run's newest checkpoint has learned: the truth after a crash")
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      `
A trainer commits to its group after each checkpoint, so both say the same but for the last moment. "lost" counts
messages that retention deleted before they were learned.

${KAFKA_ENVIRONMENT}

Example:
  hashbrook lag --kafka localhost:9092 --topic events --checkpoint runs/ads`,
    )
    .action(run);
}

async function run(flags: Flags): Promise<void> {
  const { kafka, topic, group, checkpoint } = flags;
  if ((group === undefined) === (checkpoint === undefined)) {
    throw new HashbrookError("usage", "either --group or --checkpoint is needed", {
      hint: "--group NAME asks the cluster, --checkpoint DIR the model's directory",
    });
  }
  const learned = checkpoint === undefined ? null : checkpointOffsets(checkpoint, topic);
  const partitions = await withAdmin(kafkaOptions(kafka), async (admin) => {
    const marks = await admin.watermarks(topic);
    return lags(marks, learned ?? (await admin.committed(group!, topic)));
  });
  print(flags, partitions);
}

/** The offsets a checkpoint was taken at, by partition number. */
function checkpointOffsets(path: string, topic: string): (bigint | null)[] {
  const { checkpoint, skipped } = openCheckpoint(path);
  tellPassedOver(skipped);
  const { meta } = checkpoint;
  const position = meta.position as { topic?: unknown; offsets?: unknown } | undefined;
  const offsets = position?.offsets;
  if (!Array.isArray(offsets) || !offsets.every((offset) => typeof offset === "string" && /^\d+$/.test(offset))) {
    throw new HashbrookError("checkpoint_mismatch", `${path}: was not learned from Kafka`, {
      hint: "lag is for runs of train --kafka",
    });
  }
  if (position?.topic !== topic) {
    throw new HashbrookError("stream_changed", `${path}: was learned from topic ${String(position?.topic)}`, {
      hint: `--topic ${String(position?.topic)}`,
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

function print({ topic, json }: Flags, partitions: readonly PartitionLag[]): void {
  const sum = (name: "lag" | "lost") => partitions.reduce((total, partition) => total + partition[name], 0);
  const total = { lag: sum("lag"), lost: sum("lost") };
  if (json) {
    process.stdout.write(`${JSON.stringify({ topic, ...total, partitions })}\n`);
    return;
  }
  const rows = partitions.map((p) => [p.partition, p.position ?? "–", p.end, p.lag, p.lost].map(String));
  const table = [
    ["partition", "position", "end", "lag", "lost"],
    ...rows,
    ["total", "", "", ...[total.lag, total.lost].map(String)],
  ];
  for (const row of table) process.stdout.write(`${row.map((text, i) => text.padStart(i === 0 ? 9 : 14)).join("")}\n`);
}
