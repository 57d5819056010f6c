import { existsSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { severalHeld, TOGETHER } from "../checkpoints/together-file.js";
import { noteCommand } from "../train/commands-file.js";
import type { LaneShare } from "../train/lanes/options.js";
import type { Progress, Report } from "../train/metrics/report.js";
import { defaultSettings } from "../train/settings.js";
import { train, trainLanes } from "../train/train.js";
import type { TableVectors } from "../warm-start/start-vectors.js";
import { argumentsOf } from "./arguments.js";
import { laneShare, refuseShares } from "./lane-option.js";
import { refuseIneffective } from "./needed-flags.js";
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
import {
  deadLettersOf,
  type LateFlags,
  type PublishFlags,
  publishOf,
  publishOptions,
  unusedOf,
} from "./publish-options.js";
import { listenOptions, type ProtectionFlags } from "./serve-options.js";
import { ShownRun } from "./shown-run.js";
import { stopSignal, stopWithLauncher } from "./signals.js";
import { tellSpecWarning } from "./summary.js";
import { type TopicFlags, topicOf, topicOptions } from "./topic-options.js";
import { tellUnvalidated } from "./warnings.js";

/** How long an owner of shards outlives its launcher: the lanes beside it need it for their last checkpoint. */
const OWNER_PARTING_MS = 30_000;

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
    .requiredOption(
      "--model <spec>",
      "model spec, a YAML file (see features/README.md); if given several times, all models learn from one reading of the events and are compared with the first",
      each(notEmpty),
    )
    .option(
      "--data <file...>",
      'files in order (patterns, .gz, .zst), "-" for stdin, simulate:ROWS[:SEED[:FORMAT]], or cache:DIR',
    )
    .option("--clicks <file...>", "files of clicks that label the impressions of --data, as the spec's `join` says")
    .option("--conversions <file...>", "files of conversions, if the spec has join.conversions (default: --clicks)")
    .option("--clicks-topic <topic>", "topic of clicks; they label the impressions of --topic", topicName)
    .option("--conversions-topic <topic>", "topic of conversions (default: --clicks-topic)", topicName)
    .option(
      "--clicks-quiet-ms <n>",
      "a partition of clicks that is silent this long no longer delays impressions, if others are not silent",
      milliseconds,
      10_000,
    )
    .option(
      "--keep-late",
      "keep late and repeated clicks, and those without an impression, with the reason, in DIR/rejected/late.jsonl",
    )
    .option("--late-topic <topic>", "also send such clicks to this topic of --kafka", topicName)
    .requiredOption("--out <dir>", "directory of the run: checkpoints, rejected rows")
    .option(
      "--resume",
      "continue from the newest checkpoint in --out (without one, start a new run); files already learned are skipped",
    )
    .option("--again", "with --resume: learn once more files that were already learned")
    .option(
      "--init-from <dir>",
      "start a new run's tables and tower from this run or checkpoint, matched by name; reports what happened to each",
    )
    .option(
      "--init-table <name=dir>",
      "start a new run's table from the id vectors in this directory (hashbrook item2vec) or Parquet file; may be repeated",
      tableVectors,
    )
    .option("--freeze <parts>", "parts that do not learn, comma-separated: tower, tables.NAME; none: all learn", names)
    .option("--limit <n>", "stop after n events, counted from the start of the data", wholeNumber)
    .option(
      "--epochs <n>",
      "passes over the data; metrics of events seen in an earlier pass are reported separately",
      counting,
      defaultSettings.epochs,
    )
    .option("--validate <file...>", "files to score after every epoch and never learn from")
    .option(
      "--validate-last <share>",
      "hold out the last part of --data for validation: 20% or 0.2 of its bytes, the latest events if files are in time order",
      share,
    )
    .option(
      "--early-stop <n>",
      "stop after n epochs without a lower validation logloss and keep the best epoch's weights",
      counting,
    )
    .option(
      "--threads <n>",
      "threads of the tower's runtime (default: all cores); the result does not depend on it",
      threads,
    )
    .option("--max-rejects <n>", "stop with an error after more than n rejected rows (default: no limit)", wholeNumber)
    .option(
      "--max-skipped <share>",
      "stop with an error if more than this share of the newest examples has gradients that are not finite",
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
    .option("--serve <port>", "also serve scores, always with the newest weights; 0 picks a free port", port)
    .option("--metrics-port <port>", "port for GET /metrics (Prometheus) and /v2/health/ready of the trainer", port)
    .option("--host <address>", "address to listen on", host, "127.0.0.1")
    .option("--token-file <file>", "with --serve: answer only requests with one of these tokens (or HASHBROOK_TOKEN)")
    .option("--insecure", "with --serve: allow other machines to connect without a token")
    .option("--lanes <n>", "lanes that share the events of an update, if the spec has no train.lanes", counting)
    .option(
      "--processes <n>",
      "from Kafka: share the lanes among n processes on this machine, restarting any that dies; the model does not depend on n",
      counting,
    )
    .option("--lane <k/n>", "from Kafka: run as process k of n (counted from 0) that share the lanes", laneShare)
    .option(
      "--owners <n>",
      "with --processes or --lane: n further processes hold the shards of tables (tables.NAME.shards)",
      counting,
    )
    .option(
      "--owner <k/n>",
      "from Kafka: run as owner k of n (counted from 0) of table shards, without a lane",
      laneShare,
    )
    .option(
      "--owner-host <address>",
      "with --owner: address to listen on, reachable by the lanes (default: 127.0.0.1)",
      host,
    )
    .option("--rounds-topic <topic>", "with --lane: topic through which lanes exchange their results", topicName)
    .option(
      "--takeover-ms <n>",
      "with --lane: a lane that is silent this long is also computed by another process (default: 3000)",
      milliseconds,
    )
    .option("--json", "print the report as one JSON object, the last line of stdout")
    .addHelpText(
      "after",
      `
Ctrl-C finishes the current batch, writes a checkpoint and exits with 0; continue with --resume.
Rejected rows are kept in DIR/rejected/rejected.jsonl with their code and position.

From Kafka, events are learned exactly once: the checkpoint holds the offsets; those on the broker are for dashboards.
Several partitions are merged into one order that a replay reproduces.
${KAFKA_ENVIRONMENT}

Examples:
  hashbrook train --model features/ads-demo.yaml --data simulate:200000:7 --out runs/ads
  hashbrook train --model features/ads-demo.yaml --data day2.tsv --out runs/ads --resume       # the next day
  hashbrook train --model features/ads-wider.yaml --data day2.tsv --out runs/wider --init-from runs/ads   # a spec with another field
  hashbrook train --model a.yaml --model b.yaml --data day1.tsv --out runs/ab         # challengers: runs/ab/a, runs/ab/b
  hashbrook train --model features/ads-demo.yaml --kafka localhost:9092 --topic ads --group ads --out runs/ads --resume`,
    )
    .action((flags: Flags, command: Command) => run(flags, refuseIneffective(command)));
  for (const option of [...topicOptions(), ...publishOptions()]) command.addOption(option);
  return command;
}

async function run(flags: Flags, command: Command): Promise<void> {
  if (flags.epochs > 1 && !flags.validate && flags.validateLast === undefined) tellUnvalidated(flags.epochs);
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
  const { out, serve, json = false } = flags;
  if (existsSync(join(out, TOGETHER))) throw severalHeld(out);
  const { signal, release } = stopSignal();
  const options = optionsOf(flags);
  // After everything that refuses flags: a server that listens would keep the process.
  const beside = await serverBeside(flags);
  const shown = new ShownRun({ out, line, topic: options.topic?.topic, json });
  const onProgress = (now: Progress) => {
    shown.progress(now);
    beside?.show(now);
  };
  const job = { ...options, follower: beside?.follower, signal, onProgress };
  try {
    const shares = refuseShares(flags);
    if (shares) stopWithLauncher(flags.owner ? OWNER_PARTING_MS : 0);
    const report: Report | null = shares ? await trainLanes(job) : await train(job);
    shown.end(report);
    if (serve !== undefined && !signal.aborted && report?.ended_by !== "stopped") await beside?.until(signal);
  } finally {
    await beside?.close();
    release();
  }
}

function optionsOf(flags: Flags) {
  const { topic: _, serve, publish, initTable: initTables, ...rest } = flags;
  return {
    ...rest,
    model: flags.model[0],
    topic: topicOf(flags),
    quietMs: flags.clicksQuietMs,
    deadLetters: deadLettersOf(flags),
    unused: unusedOf(flags),
    publish: publishOf(flags),
    initTables,
    onSpecWarning: tellSpecWarning,
    onNote: (note: string) => process.stderr.write(`note: ${note}\n`),
  };
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
