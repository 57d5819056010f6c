import { Command, Option } from "commander";
import { grouped } from "../core/digits.js";
import { errorFacts } from "../core/errors.js";
import { type ScoreDifference, type VerifyReport, verifyLog } from "../impression-log/verify.js";
import { type ServingPrecision, servingPrecisions } from "../tables/table.js";
import { DIMS, dims, each, eventLog } from "./options.js";
import { stopSignal, tellStopped } from "./signals.js";
import { tellPassedOver, tellUnfinished } from "./summary.js";

interface Flags {
  log: string[];
  checkpoint: string;
  precision?: ServingPrecision;
  dims?: Record<string, number>;
  json?: true;
}

export function verifyCommand(): Command {
  return new Command("verify")
    .requiredOption(
      "--log <place...>",
      "what serve --log wrote: a directory, files, patterns, or kafka://HOST:PORT/TOPIC",
      each(eventLog),
    )
    .requiredOption("--checkpoint <dir>", "a run's directory (its newest checkpoint) or one checkpoint")
    .addOption(
      new Option("--precision <p>", "the --precision of the server (default: the server's default)").choices([
        ...servingPrecisions,
      ]),
    )
    .option("--dims <list>", DIMS, dims)
    .option("--json", "print the report as one JSON object, the last line of stdout")
    .addHelpText(
      "after",
      `
Stops at the first difference, with exit status 4. Candidates that other versions scored are counted and reported.

Example:
  hashbrook verify --log logs/shop --checkpoint runs/shop
  hashbrook verify --log kafka://localhost:9092/impressions --checkpoint runs/shop`,
    )
    .action(run);
}

async function run({ json, ...flags }: Flags): Promise<void> {
  const { signal, release } = stopSignal();
  try {
    const report = await verifyLog({ ...flags, signal });
    tellPassedOver(report.passed_over);
    tellUnfinished(report.unfinished);
    if (report.difference) {
      process.exitCode = errorFacts.scores_differ.exit;
      process.stderr.write(`hashbrook: ${differenceText(report.difference)}\n`);
    }
    process.stdout.write(json ? `${JSON.stringify(report)}\n` : text(report));
    if (report.ended_by === "stopped")
      tellStopped(signal, "the end of the log: the report is on the candidates before");
  } finally {
    release();
  }
}

function differenceText({ file, line, request, position, what, logged, scored, reject }: ScoreDifference): string {
  const place = `${file}:${line}: request ${request}, candidate ${position}`;
  if (what === "event") return `${place}: invalid event: ${reject}`;
  return `${place}: ${what} is ${logged} in the log, but ${scored} with the checkpoint`;
}

function text({ model, version, verified, others }: VerifyReport): string {
  const lines = [`${grouped(verified)} candidates verified: equal to ${model} ${version}, bit for bit`];
  for (const { events, ...of } of others) {
    const settings = [of.precision && `precision ${of.precision}`, of.dims && `dims ${JSON.stringify(of.dims)}`];
    const as = [`${of.model} ${of.version}`, ...settings.filter(Boolean)].join(", ");
    lines.push(`  ${grouped(events)} skipped: scored by ${as} (spec ${of.spec_hash})`);
  }
  return `${lines.join("\n")}\n`;
}
