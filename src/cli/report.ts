import { Command } from "commander";
import { writeReport } from "../report/report.js";

interface Flags {
  out?: string;
  svg?: string;
  json?: true;
}

export function reportCommand(): Command {
  return new Command("report")
    .argument("<dir>", "a run's directory")
    .option("--out <file>", "HTML file to write (default: DIR/report.html)")
    .option("--svg <dir>", "also write every chart as an SVG file into this directory")
    .option("--json", "print the names of the files written as one JSON object")
    .addHelpText(
      "after",
      `
For a training run: quality, learning curves, calibration, validation, tables and fields, the command lines; and, if
hashbrook explain --save has been run, the contribution of each field and quality on frequent, rare and unseen ids. For
models trained together (train with several --model): their metrics and the paired comparison over time. For a ledger of
tune: quality against bytes, how candidates were eliminated, and the resulting spec beside the given one.

Example:
  hashbrook report runs/shop --svg runs/shop/figures`,
    )
    .action(run);
}

async function run(directory: string, { json, ...flags }: Flags): Promise<void> {
  const written = await writeReport({ directory, ...flags });
  if (json) process.stdout.write(`${JSON.stringify(written)}\n`);
  else process.stdout.write(`${[written.html, ...written.svgs].join("\n")}\n`);
}
