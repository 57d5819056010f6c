import { Command } from "commander";
import { predict } from "../train/run.js";
import { wholeNumber } from "./options.js";
import { stopSignal } from "./signals.js";
import { printReport } from "./summary.js";

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
    if (flags.json) printReport(report, true);
    else if (flags.out !== "-") process.stderr.write(`${report.examples} probabilities written to ${flags.out}\n`);
  } finally {
    release();
  }
}
