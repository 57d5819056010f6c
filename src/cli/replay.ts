import { Command } from "commander";
import { systemClock } from "../core/clock.js";
import { HashbrookError } from "../core/errors.js";
import { replay } from "../train/replay.js";
import { KAFKA_ENVIRONMENT } from "./options.js";
import { progressReporter } from "./progress.js";
import { stopSignal, tellStopped } from "./signals.js";
import { printReport, tellSpecWarning } from "./summary.js";
import { type TopicFlags, topicOf, topicOptions } from "./topic-options.js";

interface Flags extends TopicFlags {
  model: string;
  out: string;
  json?: true;
}

export function replayCommand(): Command {
  const command = new Command("replay")
    .requiredOption("--model <spec>", "model spec, for example a changed one to compare with the running model")
    .requiredOption("--out <dir>", "directory of the new run")
    .option("--json", "print the report as one JSON object, the last line of stdout")
    .addHelpText(
      "after",
      `
Without --until it stops at the current end of the topic. Events are learned in the order of train: the same range gives
the same bytes. To continue with later events: hashbrook train --out DIR --resume, with the same topic.

${KAFKA_ENVIRONMENT}

Example:
  hashbrook replay --model features/ads-demo.yaml --kafka localhost:9092 --topic ads --from 2026-11-01 --until 2026-11-08 --out runs/week`,
    )
    .action(run);
  for (const option of topicOptions()) command.addOption(option);
  return command;
}

async function run(flags: Flags): Promise<void> {
  const topic = topicOf(flags);
  if (!topic) throw new HashbrookError("usage", "no source: give --kafka BROKERS --topic T");
  const { signal, release } = stopSignal();
  const progress = progressReporter(process.stderr, { now: () => systemClock.now(), json: flags.json ?? false });
  try {
    const { model, out, lingerMs } = flags;
    const group = flags.group === undefined ? undefined : topic.group;
    const heard = { onProgress: progress.show, onSpecWarning: tellSpecWarning };
    const report = await replay({ model, out, topic: { ...topic, group }, lingerMs, signal, ...heard });
    progress.end();
    printReport(report, flags.json ?? false);
    if (report.ended_by === "stopped")
      tellStopped(signal, "the end of the range: continue with hashbrook train --resume");
  } finally {
    release();
  }
}
