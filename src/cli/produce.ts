import { Command, Option } from "commander";
import { systemClock } from "../core/clock.js";
import { kafkaOptions } from "../sources/kafka/options.js";
import { type Produced, produce } from "../sources/kafka/produce.js";
import { brokers, counting, KAFKA_ENVIRONMENT, positive, topicName, wholeNumber } from "./options.js";
import { bytes, count } from "./progress.js";
import { stopSignal } from "./signals.js";

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
    .description("Send a file or the simulator into a Kafka topic, one message a line")
    .requiredOption("--kafka <brokers>", "host:port of the cluster's brokers, commas between", brokers)
    .requiredOption("--topic <name>", "topic to send to", topicName)
    .requiredOption(
      "--data <file...>",
      'files in order (patterns, .gz, .zst), "-" for stdin, or simulate:ROWS[:SEED[:json|tsv]]',
    )
    .option("--rate <n>", "messages a second, evenly (default: as fast as possible)", positive)
    .option("--limit <n>", "stop after n messages", wholeNumber)
    .option("--partitions <n>", "make the topic with n partitions where it is missing", counting)
    .option(
      "--key <column>",
      "key of the messages: a JSON member (user, user.id) or a column's number (default: none, partitions in turn)",
    )
    .option("--skip-header", "leave out the first line of every file (CSV and TSV with names)")
    .addOption(
      new Option("--compression <codec>", "of the batches").choices(["none", "gzip", "snappy", "zstd"]).default("none"),
    )
    .option("--json", "print what was sent as one JSON object, the last line of stdout")
    .addHelpText(
      "after",
      `
Lines go to the partitions in turn, or by their key, and stay in order within each; their time is now. Empty lines are
left out. Nothing is doubled when the connection is lost; Ctrl-C ends after the batch at hand.

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
  return `${messages.toLocaleString("en")} messages, ${bytes(size)}, ${count(messages_per_second)}/s into ${into}`;
}
