import { Command, Option } from "commander";
import { grouped } from "../core/digits.js";
import type { Report } from "../train/metrics/report.js";
import { type PredictionFormat, predictionFormats } from "../train/prediction/lines.js";
import { predict } from "../train/prediction/predict.js";
import { DIMS, dims, names, threads, wholeNumber } from "./options.js";
import { stopSignal, tellUnchanged } from "./signals.js";
import { printReport, tellPassedOver } from "./summary.js";

interface Flags {
  checkpoint: string;
  data: string[];
  out: string;
  limit?: number;
  threads?: number;
  maxRejects?: number;
  columns?: string[];
  dims?: Record<string, number>;
  format?: PredictionFormat;
  json?: true;
}

export function predictCommand(): Command {
  return new Command("predict")
    .requiredOption("--checkpoint <dir>", "a run's directory (its newest checkpoint) or one checkpoint")
    .requiredOption("--data <file...>", "files in the model's event format; the label may be empty or absent")
    .requiredOption("--out <file>", 'file to write, "-" for stdout')
    .option("--limit <n>", "stop after n events", wholeNumber)
    .option("--threads <n>", "threads of the tower's runtime (default: all cores)", threads)
    .option(
      "--columns <names...>",
      "values to write before the score, under a header: columns, JSON paths, vw namespaces, or label.id for the event's id",
      names,
    )
    .addOption(
      new Option(
        "--format <name>",
        "output format (default: scores only; with --columns by the extension of --out, .csv or .jsonl, else tsv)",
      ).choices(predictionFormats),
    )
    .option(
      "--max-rejects <n>",
      "malformed rows allowed before stopping; each gets a line without a score, so that line numbers match (default: 0)",
      wholeNumber,
    )
    .option("--dims <list>", DIMS, dims)
    .option("--json", "with --out FILE: print the report as one JSON object, the last line of stdout")
    .addHelpText(
      "after",
      `
The output file gets its name when it is complete; if the command fails or is stopped, an existing file is unchanged.

Example:
  hashbrook predict --checkpoint runs/ads --data today.tsv --columns event_id --out scores.csv`,
    )
    .action(run);
}

function rejectedText({ rejected, rejected_by_code }: Report): string {
  const codes = Object.entries(rejected_by_code).map(([code, n]) => `${code} ${n}`);
  return `hashbrook: ${rejected} rejected ${rejected === 1 ? "row has" : "rows have"} a line without a score: ${codes.join(", ")}`;
}

async function run(flags: Flags): Promise<void> {
  const { signal, release } = stopSignal();
  try {
    const report = await predict({ ...flags, signal });
    if (report.ended_by === "stopped") tellUnchanged(signal, flags.out);
    if (flags.json) return printReport(report, true);
    tellPassedOver(report.passed_over);
    if (report.ended_by === "stopped") return;
    if (report.rejected > 0) process.stderr.write(`${rejectedText(report)}\n`);
    if (flags.out !== "-") process.stderr.write(`${grouped(report.examples)} probabilities written to ${flags.out}\n`);
  } finally {
    release();
  }
}
