import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import { Command, Option } from "commander";
import { systemClock } from "../core/clock.js";
import { HashbrookError } from "../core/errors.js";
import { outputError } from "../core/files.js";
import { type SimulatedFacts, simulate } from "../source/simulate.js";
import { wholeNumber } from "./options.js";
import { count, figure } from "./progress.js";

interface Flags {
  rows: number;
  seed: number;
  format: "tsv" | "json";
  out: string;
  json?: true;
}

export function simulateCommand(): Command {
  return new Command("simulate")
    .description("Generate a seeded stream of ad impressions with a known true click probability")
    .requiredOption("--rows <n>", "impressions to generate", wholeNumber)
    .option("--seed <n>", "the same seed gives the same bytes", wholeNumber, 42)
    .addOption(new Option("--format <name>", "one row a line").choices(["tsv", "json"]).default("tsv"))
    .option("--out <file>", 'file to write, "-" for stdout', "-")
    .option("--json", "print the facts (oracle_auc, base rate ...) as one JSON object, the last line of stdout")
    .addHelpText(
      "after",
      `
features/ads-demo.yaml is the spec of this stream; its columns are described there.

Example:
  hashbrook simulate --rows 1000000 --seed 7 --out ads.tsv`,
    )
    .action(run);
}

async function run(flags: Flags): Promise<void> {
  const started = systemClock.now();
  const stream = flags.out === "-" ? process.stdout : createWriteStream(flags.out);
  let failure: Error | null = null;
  let wake = () => {};
  stream.on("drain", () => wake()).on("close", () => wake());
  stream.on("error", (error) => {
    failure = error;
    wake();
  });
  const write = async (bytes: Uint8Array) => {
    if (!stream.write(Uint8Array.from(bytes)) && !failure) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    if (failure) throw failure;
  };
  try {
    const facts = await simulate({ rows: flags.rows, seed: flags.seed, format: flags.format, write });
    if (stream !== process.stdout) await finished(stream.end());
    print(flags, facts, (systemClock.now() - started) / 1000);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EPIPE") return;
    if (cause instanceof HashbrookError) throw cause;
    throw outputError(flags.out, cause);
  }
}

function print(flags: Flags, facts: SimulatedFacts, seconds: number): void {
  const { rows, bytes, baseRate, oracleAuc, oracleLogloss, distinct } = facts;
  const perSecond = Math.round(rows / seconds);
  if (!flags.json) {
    process.stderr.write(
      `${rows.toLocaleString("en")} impressions, ${count(perSecond)}/s, ${(baseRate * 100).toFixed(2)} % clicks · best reachable: AUC ${figure(oracleAuc)}, logloss ${figure(oracleLogloss)}\n`,
    );
    return;
  }
  const report = { examples: rows, rejected: 0, seconds, examples_per_second: perSecond, bytes, seed: flags.seed };
  process.stdout.write(
    `${JSON.stringify({ ...report, base_rate: baseRate, oracle_auc: oracleAuc, oracle_logloss: oracleLogloss, distinct })}\n`,
  );
}
