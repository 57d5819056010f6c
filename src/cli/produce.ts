import { Command, Option } from "commander";
import { systemClock } from "../core/clock.js";
import { bytes, grouped } from "../core/digits.js";
import { kafkaOptions } from "../sources/kafka/options.js";
import { type Produced, produce } from "../sources/kafka/produce.js";
import { brokers, counting, KAFKA_ENVIRONMENT, positive, topicName, wholeNumber } from "./options.js";
import { count } from "./progress.js";
import { stopSignal, tellStopped } from "./signals.js";

interface Flags {
  kafka: string;
  topic: string;
  data: string[];
  rate?: number;
  limit?: number;
  partitions?: number;
  key?: string;
  skipHeader?: true;
  compression: "none" | "gzip" | "snappy" | "zstd";
  json?: true;
}

const LINE_MS = 1000;

export function produceCommand(): Command {
  return new Command("produce")
    .requiredOption("--kafka <brokers>", "brokers of the cluster: HOST:PORT, separated by commas", brokers)
    .requiredOption("--topic <name>", "topic to send to", topicName)
    .requiredOption(
      "--data <file...>",
      'files in order (patterns, .gz, .zst), "-" for stdin, or simulate:ROWS[:SEED[:json|tsv]]',
    )
    .option("--rate <n>", "messages per second, evenly spaced (default: as fast as possible)", positive)
    .option("--limit <n>", "stop after n messages", wholeNumber)
    .option("--partitions <n>", "create the topic with n partitions if it does not exist", counting)
    .option(
      "--key <column>",
      "key of the messages: a JSON member (user, user.id) or a column number (default: none, partitions in turn)",
    )
    .option("--skip-header", "skip the first line of every file (CSV and TSV with a header)")
    .addOption(
      new Option("--compression <codec>", "of the batches").choices(["none", "gzip", "snappy", "zstd"]).default("none"),
    )
    .option("--json", "print the report as one JSON object, the last line of stdout")
    .addHelpText(
      "after",
      `
Lines go to the partitions in turn, or by key, and keep their order within each; their timestamp is the time of sending.
Empty lines are skipped. A lost connection causes no duplicates; Ctrl-C finishes the current batch
and exits with 130.

${KAFKA_ENVIRONMENT}

Example:
  hashbrook produce --kafka localhost:9092 --topic events --partitions 4 --data simulate:1_000_000:7:json --rate 5000`,
    )
    .action(run);
}

async function run({ kafka, ...flags }: Flags): Promise<void> {
  const { signal, release } = stopSignal();
  const progress = progressLine();
  try {
    const sent = await produce({ ...flags, kafka: kafkaOptions(kafka), signal, onProgress: progress.show });
    progress.end();
    if (flags.json) process.stdout.write(`${JSON.stringify(sent)}\n`);
    else process.stderr.write(`${line(sent)}\n`);
    if (sent.ended_by === "stopped") tellStopped(signal, "all of the data was sent");
  } finally {
    release();
  }
}

/** A line on standard error, rewritten in place on a terminal, else a JSON line per second. */
function progressLine(): { show: (sent: Produced) => void; end: () => void } {
  const { stderr } = process;
  let last = systemClock.now();
  const show = (sent: Produced) => {
    if (systemClock.now() - last < (stderr.isTTY ? LINE_MS / 5 : LINE_MS)) return;
    last = systemClock.now();
    stderr.write(stderr.isTTY ? `\r\x1b[2K${line(sent)}` : `${JSON.stringify({ progress: sent })}\n`);
  };
  return { show, end: () => stderr.isTTY && stderr.write("\r\x1b[2K") };
}

function line({ messages, bytes: size, messages_per_second, topic, partitions }: Produced): string {
  const into = `${topic} (${partitions} partition${partitions > 1 ? "s" : ""})`;
  return `${grouped(messages)} messages, ${bytes(size)}, ${count(messages_per_second)}/s into ${into}`;
}
