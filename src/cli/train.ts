import { Command } from "commander";
import { systemClock } from "../core/clock.js";
import { train } from "../train/run.js";
import { wholeNumber } from "./options.js";
import { progressReporter } from "./progress.js";
import { stopSignal } from "./signals.js";
import { printReport } from "./summary.js";

interface Flags {
  model: string;
  data: string[];
  out: string;
  resume?: true;
  limit?: number;
  epochs: number;
  threads?: number;
  maxRejects?: number;
  checkpointSeconds: number;
  checkpointEvery?: number;
  keep: number;
  json?: true;
}

export function trainCommand(): Command {
  return new Command("train")
    .description("Learn a model from events: every event is scored before it is learned from")
    .requiredOption("--model <spec>", "model spec, a YAML file of features/")
    .requiredOption(
      "--data <file...>",
      'files in order (patterns, .gz, .zst), "-" for stdin, or simulate:ROWS[:SEED[:FORMAT]]',
    )
    .requiredOption("--out <dir>", "directory of the run: checkpoints, rejected rows")
    .option("--resume", "go on from the newest checkpoint in --out (start anew where there is none)")
    .option("--limit <n>", "stop after n events, counted from the start of the data", wholeNumber)
    .option("--epochs <n>", "passes over the data", wholeNumber, 1)
    .option(
      "--threads <n>",
      "threads of the tower's runtime (default: all cores); the result does not depend on it",
      wholeNumber,
    )
    .option("--max-rejects <n>", "stop with an error after more rejected rows than this (default: never)", wholeNumber)
    .option("--checkpoint-seconds <n>", "seconds between checkpoints; 0 = only at the end", wholeNumber, 60)
    .option("--checkpoint-every <n>", "also checkpoint every n examples", wholeNumber)
    .option("--keep <n>", "checkpoints to keep", wholeNumber, 3)
    .option("--json", "print the report as one JSON object, the last line of stdout")
    .addHelpText(
      "after",
      `
Ctrl-C finishes the batch at hand, writes a checkpoint and exits 0; go on with --resume.
Rejected rows are kept in DIR/rejected/rejected.jsonl with their code and position.

Example:
  hashbrook train --model features/ads-demo.yaml --data simulate:200000:7 --out runs/ads`,
    )
    .action(run);
}

async function run(flags: Flags): Promise<void> {
  const { signal, release } = stopSignal();
  const progress = progressReporter(process.stderr, () => systemClock.now());
  try {
    const report = await train({ ...flags, signal, onProgress: progress.show });
    progress.end();
    printReport(report, flags.json ?? false);
  } finally {
    release();
  }
}
