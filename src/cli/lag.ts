import { Command } from "commander";
import { type LagReport, lag } from "../inspect/lag.js";
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

export function lagCommand(): Command {
  return new Command("lag")
    .requiredOption("--kafka <brokers>", "brokers of the cluster: HOST:PORT, separated by commas", brokers)
    .requiredOption("--topic <name>", "the topic", topicName)
    .option("--group <name>", "count from the offsets that the consumer group has committed")
    .option("--checkpoint <dir>", "or count from a run's newest checkpoint: exact after a crash")
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      `
A trainer commits to its group after each checkpoint, so both agree, except for the last moment. "lost" counts
messages that retention deleted before they were learned.

${KAFKA_ENVIRONMENT}

Example:
  hashbrook lag --kafka localhost:9092 --topic events --checkpoint runs/ads`,
    )
    .action(run);
}

async function run({ json, kafka, ...flags }: Flags): Promise<void> {
  const report = await lag({ ...flags, kafka: kafkaOptions(kafka), onPassedOver: tellPassedOver });
  process.stdout.write(json ? `${JSON.stringify(report)}\n` : text(report));
}

function text({ lag, lost, partitions }: LagReport): string {
  const rows = partitions.map((p) => [p.partition, p.position ?? "–", p.end, p.lag, p.lost].map(String));
  const table = [
    ["partition", "position", "end", "lag", "lost"],
    ...rows,
    ["total", "", "", String(lag), String(lost)],
  ];
  return table.map((row) => `${row.map((cell, i) => cell.padStart(i === 0 ? 9 : 14)).join("")}\n`).join("");
}
