import { Command } from "commander";
import { systemClock } from "../core/clock.js";
import { evaluate } from "../train/run.js";
import { DIMS, dims, threads, wholeNumber } from "./options.js";
import { progressReporter } from "./progress.js";
import { stopSignal } from "./signals.js";
import { printReport } from "./summary.js";
import { tellWarnings } from "./warnings.js";

interface Flags {
  checkpoint: string;
  data: string[];
  clicks?: string[];
  limit?: number;
  threads?: number;
  maxRejects?: number;
  by?: string;
  top?: number;
  groupAuc?: string;
  dims?: Record<string, number>;
  curves?: true;
  json?: true;
}

export function evalCommand(): Command {
  return new Command("eval")
    .description("Score events with a checkpoint's frozen weights and report how well")
    .requiredOption("--checkpoint <dir>", "a run's directory (its newest checkpoint) or one checkpoint")
    .requiredOption(
      "--data <file...>",
      'files in order (patterns, .gz, .zst), "-" for stdin, simulate:ROWS[:SEED[:FORMAT]], or cache:DIR',
    )
    .option("--clicks <file...>", "files of clicks, which label the impressions of --data as the spec's `join` says")
    .option("--limit <n>", "stop after n events", wholeNumber)
    .option("--threads <n>", "threads of the tower's runtime (default: all cores)", threads)
    .option("--max-rejects <n>", "stop with an error after more rejected rows than this (default: never)", wholeNumber)
    .option("--by <field>", "tell quality by value of a field (or a column, or a JSON path) and by bin of the score")
    .option("--top <n>", "with --by: values to tell one by one, those with most events (default: 20)", wholeNumber)
    .option(
      "--group-auc <field>",
      "also tell AUC within the events of each value of a field, a column or a JSON path (default: the spec's `metrics.group`)",
    )
    .option("--dims <list>", DIMS, dims)
    .option("--curves", "of nested vectors: also score with every prefix, of all fields and of each")
    .option("--json", "print the report as one JSON object, the last line of stdout")
    .action(run);
}

async function run(flags: Flags): Promise<void> {
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
  } finally {
    release();
  }
}
