import { dirname, join } from "node:path";
import { Command } from "commander";
import { writeFileAtomically } from "../core/atomic-file.js";
import { nodeFiles, outputError } from "../core/files.js";
import { explain } from "../explain/explain.js";
import type { ExplainProgress, ExplainReport } from "../explain/options.js";
import { EXPLANATION } from "../explain/saved.js";
import { noteCommand } from "../train/commands-file.js";
import { argumentsOf } from "./arguments.js";
import { byLines } from "./by-value.js";
import { explanationText } from "./explanation.js";
import { counting, seed, threads, wholeNumber } from "./options.js";
import { count, duration } from "./progress.js";
import { tellPassedOver } from "./summary.js";

interface Flags {
  checkpoint: string;
  data: string[];
  clicks?: string[];
  conversions?: string[];
  limit?: number;
  repetitions?: number;
  block?: number;
  seed?: number;
  by?: string;
  top?: number;
  threads?: number;
  save?: true;
  json?: boolean;
}

/** Milliseconds between two lines of progress if standard error is not a terminal. */
const LOG_MS = 5000;
const JSON_MS = 1000;

export function explainCommand(): Command {
  return new Command("explain")
    .requiredOption("--checkpoint <dir>", "a run's directory (its newest checkpoint) or one checkpoint")
    .requiredOption(
      "--data <file...>",
      "events that the model has not learned from: files in order, or simulate:ROWS[:SEED]",
    )
    .option("--clicks <file...>", "files of clicks that label the impressions of --data, as the spec's `join` says")
    .option("--conversions <file...>", "files of conversions, if the spec has join.conversions (default: --clicks)")
    .option("--limit <n>", "stop after n events (default: 100000)", counting)
    .option("--repetitions <n>", "number of permutations of each field (default: 3)", counting)
    .option("--block <n>", "values are permuted within blocks of n events (default: 1024)", counting)
    .option("--seed <n>", "seed of the permutations (default: 1)", seed)
    .option("--by <field>", "also break metrics down by the values of a field, column or JSON path, and by score bin")
    .option("--top <n>", "with --by: number of values listed, those with the most events (default: 20)", wholeNumber)
    .option("--threads <n>", "threads of the tower's runtime (default: all cores)", threads)
    .option("--save", `save the result in the run's directory (${EXPLANATION}), for hashbrook report`)
    .option("--json", "print the result as one JSON object, the last line of stdout")
    .addHelpText(
      "after",
      `
The contribution of a field is what the model loses without it: its values are permuted among the events of a block, and
then left out, as if they were missing. Crosses are recomputed from the permuted values; each cross is also permuted by
itself, with its fields unchanged. Differences and their standard errors are paired, block by block. A field that does
not vary within a block (the hour) has an effect only if left out: "changed" is the share of events whose value the
permutation changed.

Example:
  hashbrook explain --checkpoint runs/shop --data tomorrow.json --by device --save`,
    )
    .action(run);
}

async function run({ json = false, save, ...flags }: Flags, command: Command): Promise<void> {
  const report = await explain({ ...flags, onProgress: teller(json) });
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[2K");
  tellPassedOver(report.passed_over);
  process.stdout.write(json ? `${JSON.stringify(report)}\n` : `${[...text(report)].join("\n")}\n`);
  if (save) keep(report, argumentsOf(command));
}

function* text(report: ExplainReport): Generator<string> {
  yield* explanationText(report);
  if (report.by) yield* byLines(report.by);
}

function keep(report: ExplainReport, command: readonly string[]): void {
  const directory = dirname(report.checkpoint);
  const path = join(directory, EXPLANATION);
  try {
    writeFileAtomically(nodeFiles, path, new TextEncoder().encode(`${JSON.stringify(report)}\n`));
  } catch (error) {
    throw outputError(path, error);
  }
  noteCommand(directory, command);
  process.stderr.write(`saved ${path}\n`);
}

function teller(json: boolean): (progress: ExplainProgress) => void {
  let reportedAt = 0;
  return (progress) => {
    const { events, done, seconds } = progress;
    const left = done ? ` ETA ${duration((seconds * (1 - done)) / done)}` : "";
    const line = `${done === null ? "" : `${Math.floor(done * 100)} %${left} · `}${count(events)} events explained`;
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${line}`);
    else if (seconds * 1000 - reportedAt >= (json ? JSON_MS : LOG_MS)) {
      reportedAt = seconds * 1000;
      process.stderr.write(json ? `${JSON.stringify({ progress })}\n` : `${line}\n`);
    }
  };
}
