import { Command, Option } from "commander";
import { systemClock } from "../core/clock.js";
import { HashbrookError } from "../core/errors.js";
import { tuneAgain } from "../tune/again.js";
import type { TuneProgress } from "../tune/options.js";
import { filesOnly, metrics } from "../tune/question.js";
import { strategies } from "../tune/strategies/index.js";
import { profileOf, tune } from "../tune/tune.js";
import { brokers, counting, seed, threads, topicName, wholeNumber } from "./options.js";
import { statusOf, stopSignal } from "./signals.js";
import { budget, time } from "./tune-options.js";
import { tuneProgress } from "./tune-progress.js";
import { againText, profileText, tuneText } from "./tune-text.js";

interface Flags {
  model?: string;
  data?: string[];
  budget?: string;
  time?: string;
  out?: string;
  resume?: true;
  limit?: number;
  set?: string[];
  random?: number;
  rates?: true;
  strategies?: string[];
  candidates?: number;
  metric?: (typeof metrics)[number];
  seed?: number;
  exhaustive?: true;
  curve?: true;
  pruning?: true;
  workers?: number;
  profileOnly?: true;
  again?: string[];
  kafka?: string;
  topic?: string;
  json?: true;
}

const names = (some: typeof strategies): string => some.map(({ name }) => name).join(", ");

export function tuneCommand(): Command {
  return new Command("tune")
    .option("--model <spec>", "model spec, a YAML file (see features/README.md)")
    .option(
      "--data <file...>",
      "files in time order (patterns, .gz, .zst), cache:DIR, or simulate:ROWS[:SEED[:FORMAT]]",
    )
    .option("--budget <bytes>", "bytes for all tables (200MB, 1.5GiB), or a share of the full tables' (10%)", budget)
    .option(
      "--time <time>",
      "approximate time limit (30m); if the data need longer, their first part is used (default: all)",
      time,
    )
    .option("--out <dir>", "directory of the ledger, specs and models (default: runs/tune-NAME)")
    .option("--resume", "continue a stopped run in --out (also implied by giving the same flags)")
    .option("--limit <n>", "use the first n events", counting)
    .option("--set <path=values...>", "values of the spec to try: tables.ids.dim=4,8,16, train.batch=128:2048:log")
    .option("--random <n>", "with --set: try n random combinations instead of all", counting)
    .option("--rates", "search for learning rates on the first 5 % of the events")
    .option(
      "--strategies <name...>",
      `strategies that propose candidates (default: all but ${names(strategies.filter(({ asked }) => asked))}): ${names(strategies)}`,
    )
    .option("--candidates <n>", "largest number of candidates (default: 24)", counting)
    .addOption(
      new Option("--metric <name>", "metric that ranks candidates (default: auc; --rates: logloss)").choices(metrics),
    )
    .option("--seed <n>", "seed of random combinations (default: 42)", seed)
    .option("--exhaustive", "train all candidates on all events, without eliminating any")
    .option("--curve", "also train the chosen tables at 1/8 to 4 times the budget: AUC against bytes")
    .option("--pruning", "also prune the full model to the budget by magnitude, as a baseline for the strategies")
    .option("--workers <n>", "training threads (default: all cores); the result does not depend on it", threads)
    .option("--profile-only", "only report statistics of the fields' ids")
    .option("--again <dir row...>", "recompute a row of a ledger and report whether the result is the same")
    .addOption(new Option("--kafka <brokers>").argParser(brokers).hideHelp())
    .addOption(new Option("--topic <name>").argParser(topicName).hideHelp())
    .option("--json", "print the report as one JSON object, the last line of stdout")
    .addHelpText("after", HELP)
    .action(run);
}

const HELP = `
What it does:
  1. reads the events once and reports for every field how many ids it has, how they are distributed, how fast new ones
     appear, and how much information they carry about the label;
  2. lets every strategy propose tables within the budget, counting bytes of optimizer state, index and filters too:
${strategies.map(({ name, description }) => `       ${name.padEnd(9)} ${description}`).join("\n")}
  3. trains all proposals together, on events that are decoded once, and eliminates the worse ones at 1/16, 1/8, 3/16,
     1/4, 1/2 and 3/4 of the events used for the choice (the first 80 %); the full tables are trained with them as the
     reference;
  4. evaluates the best one on the last 20 %, which were not used for the choice, and writes DIR/spec.yaml, ready to
     train, with the reason for each table, and its checkpoint, ready to serve.

DIR/ledger.jsonl has a row for every figure. Ctrl-C and kills lose nothing: the same command continues and ends with the
same ledger. If the ledger is complete, it is reported again at once.

Examples:
  hashbrook tune --model features/ads-demo.yaml --data simulate:200000:7 --budget 10% --out runs/tune-ads
  hashbrook tune --model shop.yaml --data 'events-*.tsv.gz' --budget 200MB --time 30m
  hashbrook tune --model shop.yaml --data 'events-*.tsv.gz' --rates --out runs/rates
  hashbrook tune --model shop.yaml --data day1.tsv --set tables.ids.dim=4,8,16 --set 'tables.*.optimizer.ftrl.alpha=0.05:1:log'
  hashbrook tune --model shop.yaml --data day1.tsv --profile-only
  hashbrook tune --again runs/tune-ads 12`;

async function run(flags: Flags): Promise<void> {
  const { signal, release } = stopSignal();
  const progress = tuneProgress(process.stderr, () => systemClock.now(), flags.json ?? false);
  try {
    const text = await done(flags, signal, progress.show);
    progress.end();
    process.stdout.write(`${text}\n`);
  } catch (error) {
    progress.end();
    if (!signal.aborted) throw error;
    const { message, hint } = error as HashbrookError;
    process.stderr.write(`hashbrook: ${message}${hint ? `\n  ${hint}` : ""}\n`);
    process.exitCode = statusOf(signal.reason as NodeJS.Signals);
  } finally {
    release();
  }
}

async function done(flags: Flags, signal: AbortSignal, show: (progress: TuneProgress) => void): Promise<string> {
  const { again, json = false } = flags;
  if (flags.kafka !== undefined || flags.topic !== undefined) throw filesOnly("--kafka");
  if (again) {
    const report = await tuneAgain(...rowOf(again), { workers: flags.workers, signal });
    if (!report.same) process.exitCode = 1;
    return json ? JSON.stringify(report) : againText(report);
  }
  const options = { ...flags, ...required(flags), signal, onProgress: show };
  if (flags.profileOnly) {
    const profile = await profileOf(options);
    return json ? JSON.stringify({ profile }) : profileText(profile);
  }
  const report = await tune(options);
  return json ? JSON.stringify(report) : tuneText(report);
}

function required({ model, data }: Flags): { model: string; data: string[] } {
  if (model !== undefined && data !== undefined) return { model, data };
  throw new HashbrookError("usage", `--${model === undefined ? "model" : "data"} is missing`, {
    hint: "hashbrook tune --model SPEC --data FILE... --budget 200MB",
  });
}

function rowOf([directory, row, ...more]: readonly string[]): [string, number] {
  if (row !== undefined && /^\d+$/.test(row) && more.length === 0) return [directory, wholeNumber(row)];
  throw new HashbrookError("usage", "--again requires a directory and the number of a row", {
    hint: "hashbrook tune --again runs/tune-ads 12",
  });
}
