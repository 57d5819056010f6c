import { Command, Option } from "commander";
import { systemClock } from "../core/clock.js";
import { HashbrookError } from "../core/errors.js";
import { kebab } from "../core/texts.js";
import { judgePolicy } from "../impression-log/ips.js";
import { evaluate } from "../train/evaluation/evaluate.js";
import { policyLines } from "./ips.js";
import { DIMS, dims, notEmpty, threads, wholeNumber } from "./options.js";
import { progressReporter } from "./progress.js";
import { stopSignal, tellStopped } from "./signals.js";
import { printReport, tellPassedOver, tellUnfinished } from "./summary.js";
import { tellWarnings } from "./warnings.js";

interface Flags {
  checkpoint: string;
  data: string[];
  clicks?: string[];
  conversions?: string[];
  limit?: number;
  threads?: number;
  maxRejects?: number;
  by?: string;
  top?: number;
  groupAuc?: string;
  dims?: Record<string, number>;
  curves?: true;
  ips?: string;
  rewards?: string[];
  json?: true;
}

export function evalCommand(): Command {
  return new Command("eval")
    .requiredOption("--checkpoint <dir>", "a run's directory (its newest checkpoint) or one checkpoint")
    .requiredOption(
      "--data <file...>",
      'files in order (patterns, .gz, .zst), "-" for stdin, simulate:ROWS[:SEED[:FORMAT]], or cache:DIR',
    )
    .option("--clicks <file...>", "files of clicks that label the impressions of --data, as the spec's `join` says")
    .option("--conversions <file...>", "files of conversions, if the spec has join.conversions (default: --clicks)")
    .option("--limit <n>", "stop after n events", wholeNumber)
    .option("--threads <n>", "threads of the tower's runtime (default: all cores)", threads)
    .option("--max-rejects <n>", "stop with an error after more than n rejected rows (default: no limit)", wholeNumber)
    .option("--by <field>", "break metrics down by the values of a field, column or JSON path, and by score bin")
    .option("--top <n>", "with --by: number of values listed, those with the most events (default: 20)", wholeNumber)
    .option(
      "--group-auc <field>",
      "also report AUC within the events of each value of a field, column or JSON path (default: the spec's `metrics.group`)",
    )
    .option("--dims <list>", DIMS, dims)
    .option("--curves", "for nested vectors: also score with every prefix, of all fields together and of each field")
    .addOption(
      new Option(
        "--ips [policy]",
        "estimate another policy's click rate (inverse propensity scoring): --data is a log of serve --explore, files or kafka://HOST:PORT/TOPIC; the policy ranks by the scores: greedy (if no value is given), softmax:T or epsilon-greedy:E",
      )
        .preset("greedy")
        .argParser(notEmpty),
    )
    .option(
      "--rewards <file...>",
      "with --ips: files of lines with an event's id and a reward, 1 if absent (default: the events' labels)",
    )
    .option("--json", "print the report as one JSON object, the last line of stdout")
    .action(run);
}

async function run(flags: Flags): Promise<void> {
  if (flags.ips !== undefined) return judge(flags, flags.ips);
  if (flags.rewards) throw new HashbrookError("usage", "--rewards: is for --ips");
  const { signal, release } = stopSignal();
  const progress = progressReporter(process.stderr, { now: () => systemClock.now(), json: flags.json ?? false });
  try {
    const report = await evaluate({
      ...flags,
      signal,
      onProgress: (now) => {
        tellWarnings(now.warnings);
        progress.show(now);
      },
    });
    progress.end();
    printReport(report, flags.json ?? false);
    if (report.ended_by === "stopped") tellStopped(signal, "the end of the data: the report is on the events before");
  } finally {
    release();
  }
}

/** Options that have no effect with `--ips`. */
const ELSE = ["clicks", "conversions", "limit", "threads", "maxRejects", "by", "top", "groupAuc", "curves"] as const;

async function judge({ checkpoint, data, rewards, dims, json, ...others }: Flags, policy: string): Promise<void> {
  const wrong = ELSE.find((name) => others[name] !== undefined);
  if (wrong !== undefined) {
    throw new HashbrookError("usage", `--${kebab(wrong)}: has no meaning with --ips`);
  }
  const { signal, release } = stopSignal();
  try {
    const report = await judgePolicy({ log: data, rewards, checkpoint, policy, dims, signal });
    tellPassedOver(report.passed_over);
    tellUnfinished(report.unfinished);
    process.stdout.write(json ? `${JSON.stringify(report)}\n` : policyLines(report));
    if (report.ended_by === "stopped") tellStopped(signal, "the end of the log: the report is on the requests before");
  } finally {
    release();
  }
}
