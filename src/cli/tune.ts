import { Command, Option } from "commander";
import { systemClock } from "../core/clock.js";
import { HashbrookError } from "../core/errors.js";
import { tuneAgain } from "../tune/again.js";
import type { TuneProgress } from "../tune/options.js";
import { filesOnly, metrics } from "../tune/question.js";
import { strategies } from "../tune/strategies/index.js";
import { profileOf, tune } from "../tune/tune.js";
import { brokers, counting, seed, threads, topicName, wholeNumber } from "./options.js";
import { stopSignal } from "./signals.js";
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
    .description("Find the tables that lose least within a budget of bytes: on your own events, judged on later ones")
    .option("--model <spec>", "model spec, a YAML file of features/")
    .option(
      "--data <file...>",
      "files in the order of time (patterns, .gz, .zst), cache:DIR, or simulate:ROWS[:SEED[:FORMAT]]",
    )
    .option("--budget <bytes>", "bytes for all tables (200MB, 1.5GiB), or a share of the full tables' (10%)", budget)
    .option(
      "--time <time>",
      "about how long it may take (30m); of more data the first part is used (default: all)",
      time,
    )
    .option("--out <dir>", "directory of the ledger, specs and models (default: runs/tune-NAME)")
    .option("--resume", "go on where a run in --out was stopped; the same flags do so by themselves")
    .option("--limit <n>", "use the first n events", counting)
    .option("--set <path=values...>", "try values of the spec: tables.ids.dim=4,8,16, train.batch=128:2048:log")
    .option("--random <n>", "with --set: n combinations at random, instead of all", counting)
    .option("--rates", "find learning rates on the first 5 % of the events")
    .option(
      "--strategies <name...>",
      `what to propose (default: all but ${names(strategies.filter(({ asked }) => asked))}): ${names(strategies)}`,
    )
    .option("--candidates <n>", "candidates at most (default: 24)", counting)
    .addOption(
      new Option("--metric <name>", "what candidates are ranked by (default: auc; --rates: logloss)").choices(metrics),
    )
    .option("--seed <n>", "of random combinations (default: 42)", seed)
    .option("--exhaustive", "train all candidates over all events, and leave none behind")
    .option("--curve", "also train what was chosen at 1/8 to 4 times the budget: AUC against bytes")
    .option("--pruning", "also prune the full model to the budget, by magnitude: what a strategy must beat")
    .option("--workers <n>", "threads that learn (default: all cores); the result does not depend on it", threads)
    .option("--profile-only", "only say what the fields' ids are like")
    .option("--again <dir row...>", "make a row of a ledger again, and say whether it comes out the same")
    .addOption(new Option("--kafka <brokers>").argParser(brokers).hideHelp())
    .addOption(new Option("--topic <name>").argParser(topicName).hideHelp())
    .option("--json", "print the report as one JSON object, the last line of stdout")
    .addHelpText("after", HELP)
    .action(run);
}

const HELP = `
What it does:
  1. reads the events once and says of every field how many ids it has, how they are spread, how fast new ones come, and
     how much they tell about the label;
  2. has every strategy propose tables that keep to the budget, bytes counted with optimizer state, index and filters:
${strategies.map(({ name, description }) => `       ${name.padEnd(9)} ${description}`).join("\n")}
  3. trains all proposals side by side, on events that are decoded once, and leaves the worse ones behind at 1/8, 1/4 and
     1/2 of the events that choose (the first 80 %); the full tables learn along as the reference;
  4. judges the best one on the last 20 %, which it was not chosen by, and writes DIR/spec.yaml, ready to train, with the
     reason for each table, and its checkpoint, ready to serve.

DIR/ledger.jsonl has a row for every figure. Ctrl-C and kills lose nothing: the same command goes on and ends with the same
ledger. A run whose ledger is complete is told again at once.

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
    process.exitCode = signal.reason === "SIGINT" ? 130 : 143;
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
  throw new HashbrookError("usage", "--again takes a directory and the number of a row", {
    hint: "hashbrook tune --again runs/tune-ads 12",
  });
}
