import { existsSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { severalHeld, TOGETHER } from "../checkpoints/together-file.js";
import { systemClock } from "../core/clock.js";
import { noteCommand } from "../train/commands-file.js";
import type { LaneShare } from "../train/lanes/options.js";
import type { Progress, Report } from "../train/report.js";
import { train, trainLanes } from "../train/run.js";
import { defaultSettings } from "../train/settings.js";
import type { TableVectors } from "../warm-start/start-vectors.js";
import { argumentsOf } from "./arguments.js";
import { laneShare, refuseShares } from "./lane-option.js";
import {
  counting,
  each,
  host,
  KAFKA_ENVIRONMENT,
  milliseconds,
  names,
  notEmpty,
  port,
  share,
  tableVectors,
  threads,
  topicName,
  wholeNumber,
  wholeShare,
} from "./options.js";
import { progressReporter } from "./progress.js";
import {
  deadLettersOf,
  type LateFlags,
  type PublishFlags,
  publishOf,
  publishOptions,
  unusedOf,
} from "./publish-options.js";
import { listenOptions, type ProtectionFlags } from "./serve-options.js";
import { stopSignal } from "./signals.js";
import { tellStarted } from "./started.js";
import { printReport, tellSpecWarning } from "./summary.js";
import { type TopicFlags, topicOf, topicOptions } from "./topic-options.js";
import { tellWarnings } from "./warnings.js";

interface Flags extends TopicFlags, PublishFlags, LateFlags, ProtectionFlags {
  serve?: number;
  metricsPort?: number;
  model: string[];
  data?: string[];
  clicks?: string[];
  clicksTopic?: string;
  conversions?: string[];
  conversionsTopic?: string;
  clicksQuietMs: number;
  out: string;
  resume?: true;
  again?: true;
  initFrom?: string;
  freeze?: string[];
  initTable?: TableVectors[];
  limit?: number;
  epochs: number;
  validate?: string[];
  validateLast?: number;
  earlyStop?: number;
  threads?: number;
  maxRejects?: number;
  maxSkipped: number;
  checkpointSeconds: number;
  checkpointEvery?: number;
  keep: number;
  lanes?: number;
  processes?: number;
  lane?: LaneShare;
  owners?: number;
  owner?: LaneShare;
  ownerHost?: string;
  roundsTopic?: string;
  takeoverMs?: number;
  json?: true;
}

export function trainCommand(): Command {
  const command = new Command("train")
    .description("Learn a model from events: every event is scored before it is learned from")
    .requiredOption(
      "--model <spec>",
      "model spec, a YAML file of features/; given several times, all learn from one reading and are compared with the first",
      each(notEmpty),
    )
    .option(
      "--data <file...>",
      'files in order (patterns, .gz, .zst), "-" for stdin, simulate:ROWS[:SEED[:FORMAT]], or cache:DIR',
    )
    .option("--clicks <file...>", "files of clicks, which label the impressions of --data as the spec's `join` says")
    .option("--conversions <file...>", "files of conversions, where the spec has join.conversions (default: --clicks)")
    .option("--clicks-topic <topic>", "topic of clicks, which label the impressions of --topic", topicName)
    .option("--conversions-topic <topic>", "topic of conversions (default: --clicks-topic)", topicName)
    .option(
      "--clicks-quiet-ms <n>",
      "a partition of clicks that is silent for so long holds up no impression, where others are not",
      milliseconds,
      10_000,
    )
    .option(
      "--keep-late",
      "keep late and repeated clicks, and those of no impression, with the reason, in DIR/rejected/late.jsonl",
    )
    .option("--late-topic <topic>", "such clicks also go to this topic of --kafka", topicName)
    .requiredOption("--out <dir>", "directory of the run: checkpoints, rejected rows")
    .option(
      "--resume",
      "go on from the newest checkpoint in --out (start anew where there is none); files learned before are passed over",
    )
    .option("--again", "with --resume: learn files again that were learned before")
    .option(
      "--init-from <dir>",
      "a new run's tables and tower start from this run or checkpoint, by their names; a line says what became of each",
    )
    .option(
      "--init-table <name=dir>",
      "a new run's table starts from the vectors of ids in this folder (hashbrook item2vec) or Parquet file; may be given for several",
      tableVectors,
    )
    .option("--freeze <parts>", "what does not learn, with commas between: tower, tables.NAME; none: all learns", names)
    .option("--limit <n>", "stop after n events, counted from the start of the data", wholeNumber)
    .option(
      "--epochs <n>",
      "passes over the data; figures of events seen in an earlier one are told apart",
      counting,
      defaultSettings.epochs,
    )
    .option("--validate <file...>", "files scored after every epoch and never learned")
    .option(
      "--validate-last <share>",
      "hold out the last part of --data for that: 20% or 0.2 of its bytes, the latest events where files are in the order of time",
      share,
    )
    .option(
      "--early-stop <n>",
      "stop after n epochs without a better validation logloss, keep the best one's weights",
      counting,
    )
    .option(
      "--threads <n>",
      "threads of the tower's runtime (default: all cores); the result does not depend on it",
      threads,
    )
    .option("--max-rejects <n>", "stop with an error after more rejected rows than this (default: never)", wholeNumber)
    .option(
      "--max-skipped <share>",
      "stop with an error when more of the newest examples have gradients that are not finite",
      wholeShare,
      defaultSettings.maxSkipped,
    )
    .option(
      "--checkpoint-seconds <n>",
      "seconds between checkpoints; 0 = only at the end",
      wholeNumber,
      defaultSettings.checkpointSeconds,
    )
    .option("--checkpoint-every <n>", "also checkpoint every n examples", counting)
    .option("--keep <n>", "checkpoints to keep (and those that they build on)", counting, defaultSettings.keep)
    .option("--serve <port>", "also answer score requests, always with the newest weights; 0 picks a free port", port)
    .option("--metrics-port <port>", "answer GET /metrics (Prometheus) and /v2/health/ready of the trainer", port)
    .option("--host <address>", "address to listen on", host, "127.0.0.1")
    .option("--token-file <file>", "with --serve: answer only who sends one of these tokens (or HASHBROOK_TOKEN)")
    .option("--insecure", "with --serve: listen beyond this machine without a token")
    .option("--lanes <n>", "lanes that share out an update's events, where the spec has no train.lanes", counting)
    .option(
      "--processes <n>",
      "from Kafka: so many processes on this machine work the lanes, and are begun again when one dies; the model does not depend on it",
      counting,
    )
    .option("--lane <k/n>", "from Kafka: be one of n processes that work the lanes, the k-th from 0 on", laneShare)
    .option(
      "--owners <n>",
      "with --processes or --lane: so many further processes hold the shards of tables (tables.NAME.shards) between them",
      counting,
    )
    .option(
      "--owner <k/n>",
      "from Kafka: be one of n owners of shards, the k-th from 0 on, and work no lane",
      laneShare,
    )
    .option(
      "--owner-host <address>",
      "with --owner: address to listen on, where lanes reach it (default: 127.0.0.1)",
      host,
    )
    .option("--rounds-topic <topic>", "with --lane: the topic that carries what lanes bring", topicName)
    .option(
      "--takeover-ms <n>",
      "with --lane: a lane that tells nothing for so long is worked by another process, too (default: 3000)",
      milliseconds,
    )
    .option("--json", "print the report as one JSON object, the last line of stdout")
    .addHelpText(
      "after",
      `
Ctrl-C finishes the batch at hand, writes a checkpoint and exits 0; go on with --resume.
Rejected rows are kept in DIR/rejected/rejected.jsonl with their code and position.

From Kafka, events are learned exactly once: the checkpoint holds the offsets, the broker's are for dashboards. Several
partitions are merged into one order that a replay reproduces.
${KAFKA_ENVIRONMENT}

Examples:
  hashbrook train --model features/ads-demo.yaml --data simulate:200000:7 --out runs/ads
  hashbrook train --model features/ads-demo.yaml --data day2.tsv --out runs/ads --resume       # the day after
  hashbrook train --model features/ads-wider.yaml --data day2.tsv --out runs/wider --init-from runs/ads   # a spec with another field
  hashbrook train --model a.yaml --model b.yaml --data day1.tsv --out runs/ab         # challengers: runs/ab/a, runs/ab/b
  hashbrook train --model features/ads-demo.yaml --kafka localhost:9092 --topic ads --group ads --out runs/ads --resume`,
    )
    .action(run);
  for (const option of [...topicOptions(), ...publishOptions()]) command.addOption(option);
  return command;
}

function unvalidated({ epochs }: Flags): string {
  return `warning: --epochs ${epochs} without --validate: nothing will tell whether later epochs help or only memorise
  add --validate FILES or --validate-last 20%, and --early-stop 1
`;
}

async function run(flags: Flags, command: Command): Promise<void> {
  if (flags.epochs > 1 && !flags.validate && flags.validateLast === undefined) process.stderr.write(unvalidated(flags));
  if (flags.processes !== undefined) return launch(flags);
  return flags.model.length > 1 ? several(flags, argumentsOf(command)) : one(flags, argumentsOf(command));
}

/** Several processes work one model's lanes. */
async function launch(flags: Flags): Promise<void> {
  const { launchLanes } = await import("./train-lanes.js");
  await launchLanes(flags.processes!, flags, topicOf(flags));
}

/** Several models learn from one stream. */
async function several(flags: Flags, line: readonly string[]): Promise<void> {
  const { runTogether, refuseForOne } = await import("./train-together.js");
  const { serve, publish, clicks, conversions, freeze, initTable, model, json = false, topic: _, ...rest } = flags;
  const { metricsPort, clicksTopic, conversionsTopic, initFrom, deadLetterTopic } = flags;
  refuseForOne({
    serve,
    metricsPort,
    publish,
    clicks,
    clicksTopic,
    conversions,
    conversionsTopic,
    initFrom,
    initTable,
    freeze,
    deadLetterTopic,
  });
  await runTogether({ ...rest, models: model, topic: topicOf(flags), json });
  noteCommand(flags.out, line);
}

async function one(flags: Flags, line: readonly string[]): Promise<void> {
  if (existsSync(join(flags.out, TOGETHER))) throw severalHeld(flags.out);
  const { signal, release } = stopSignal();
  const progress = progressReporter(process.stderr, { now: () => systemClock.now(), json: flags.json ?? false });
  const { topic: _, serve, publish, ...rest } = flags;
  const topic = topicOf(flags);
  const deadLetters = deadLettersOf(flags);
  const beside = await serverBeside(flags);
  let noted = false;
  const onProgress = (now: Progress) => {
    // Not before the directory belongs to this run and contains something of it: rejected events alone do not make a run.
    if (!noted && now.examples > 0) {
      noteCommand(flags.out, line);
      noted = true;
    }
    if (now.started) tellStarted(now.started);
    tellWarnings(now.warnings);
    progress.show(now);
    beside?.show(now);
  };
  const options = {
    ...rest,
    model: flags.model[0],
    topic,
    quietMs: flags.clicksQuietMs,
    deadLetters,
    unused: unusedOf(flags),
    publish: publishOf(flags),
    initTables: flags.initTable,
    follower: beside?.follower,
    signal,
    onProgress,
    onSpecWarning: tellSpecWarning,
    onNote: (note: string) => process.stderr.write(`note: ${note}\n`),
  };
  try {
    const report: Report | null = refuseShares(flags) ? await trainLanes(options) : await train(options);
    if (!noted && report) noteCommand(flags.out, line);
    progress.end();
    // Only one of several processes reports.
    if (report) printReport(report, flags.json ?? false);
    if (serve !== undefined && !signal.aborted && report?.ended_by !== "stopped") await beside?.until(signal);
  } finally {
    await beside?.close();
    release();
  }
}

/** Most trainers serve nothing, and need not load the server. */
async function serverBeside(flags: Flags) {
  const { serve, metricsPort: metrics, host } = flags;
  if (serve === undefined && metrics === undefined) return undefined;
  const { TrainServer } = await import("./train-server.js");
  return TrainServer.open({
    serve: serve === undefined ? undefined : { port: serve, ...listenOptions(flags) },
    metrics,
    host,
  });
}
