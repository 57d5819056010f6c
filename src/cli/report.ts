import { Command } from "commander";
import { writeReport } from "../report/report.js";

interface Flags {
  out?: string;
  svg?: string;
  json?: true;
}

export function reportCommand(): Command {
  return new Command("report")
    .description("Write what is known of a run as one HTML file that works offline")
    .argument("<dir>", "a run's directory")
    .option("--out <file>", "HTML file to write (default: DIR/report.html)")
    .option("--svg <dir>", "also write every chart as an SVG file into this directory")
    .option("--json", "print what was written as one JSON object")
    .addHelpText(
      "after",
      `
Of a training run: quality, learning curves, calibration, validation, tables and fields, the command lines; and, where
hashbrook explain --save has been run, what each field is worth, and how frequent, rare and unseen ids are scored. Of models
that learned side by side (train with several --model): how they stand, and the paired comparison over time. Of a ledger
of tune: quality over bytes, how candidates were left behind, and the ready spec beside the given one.

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
