import { Command } from "commander";
import { predict } from "../train/run.js";
import { wholeNumber } from "./options.js";
import { stopSignal, tellStopped } from "./signals.js";
import { printReport, tellPassedOver } from "./summary.js";

interface Flags {
  checkpoint: string;
  data: string[];
  out: string;
  limit?: number;
  threads?: number;
  maxRejects?: number;
  json?: true;
}

export function predictCommand(): Command {
  return new Command("predict")
    .description("Write one click probability a line for every event")
    .requiredOption("--checkpoint <dir>", "a run's directory (its newest checkpoint) or one checkpoint")
    .requiredOption("--data <file...>", "files in the model's event format; the label may be empty or absent")
    .requiredOption("--out <file>", 'file to write, "-" for stdout')
    .option("--limit <n>", "stop after n events", wholeNumber)
    .option("--threads <n>", "threads of the tower's runtime (default: all cores)", wholeNumber)
    .option(
      "--max-rejects <n>",
      "malformed rows to skip before stopping; a skipped row gets no line (default: 0)",
      wholeNumber,
    )
    .option("--json", "with --out FILE: print the report as one JSON object, the last line of stdout")
    .action(run);
}

async function run(flags: Flags): Promise<void> {
  const { signal, release } = stopSignal();
  try {
    const report = await predict({ ...flags, signal });
    if (report.ended_by === "stopped") tellStopped(signal, flags.out);
    if (flags.json) return printReport(report, true);
    tellPassedOver(report.passed_over);
    if (report.ended_by === "stopped") return;
    if (flags.out !== "-") process.stderr.write(`${report.examples} probabilities written to ${flags.out}\n`);
  } finally {
    release();
  }
}
