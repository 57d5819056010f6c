import { setImmediate } from "node:timers/promises";
import { Command, Option } from "commander";
import { systemClock } from "../core/clock.js";
import { Output, writeOut } from "../core/output.js";
import { type SimulatedFacts, simulate } from "../sources/simulator/run.js";
import { seed, wholeNumber } from "./options.js";
import { count, figure } from "./progress.js";
import { stopSignal, tellStopped } from "./signals.js";

interface Flags {
  rows: number;
  seed: number;
  format: "tsv" | "json";
  out: string;
  json?: true;
}

const STOPPED = Symbol("stopped");

export function simulateCommand(): Command {
  return new Command("simulate")
    .description("Generate a seeded stream of ad impressions with a known true click probability")
    .requiredOption("--rows <n>", "impressions to generate", wholeNumber)
    .option("--seed <n>", "the same seed gives the same bytes", seed, 42)
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
  const { signal, release } = stopSignal();
  const output = Output.open(flags.out);
  const write = async (bytes: Uint8Array) => {
    await writeOut(output, bytes);
    // Lets a signal in.
    await setImmediate();
    if (signal.aborted) throw STOPPED;
  };
  try {
    const facts = await simulate({ rows: flags.rows, seed: flags.seed, format: flags.format, write });
    output.commit();
    print(flags, facts, (systemClock.now() - started) / 1000);
  } catch (error) {
    if (error !== STOPPED) throw error;
    tellStopped(signal, flags.out);
  } finally {
    output.discard();
    release();
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
