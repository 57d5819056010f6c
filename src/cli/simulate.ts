import { resolve } from "node:path";
import { setImmediate } from "node:timers/promises";
import { Command, Option } from "commander";
import { systemClock } from "../core/clock.js";
import { grouped } from "../core/digits.js";
import { HashbrookError } from "../core/errors.js";
import { Output, writeOut } from "../core/output.js";
import type { SimulatedFacts } from "../sources/simulator/facts.js";
import { type SimulateOptions, simulate } from "../sources/simulator/run.js";
import { simulatorFormats } from "../sources/simulator/writer.js";
import { duration, seed, wholeNumber } from "./options.js";
import { count, figure } from "./progress.js";
import { stopSignal, tellUnchanged } from "./signals.js";

interface Flags {
  rows: number;
  seed: number;
  format: "tsv" | "json";
  out?: string;
  impressions?: string;
  clicks?: string;
  clickWindow: number;
  json?: true;
}

const STOPPED = Symbol("stopped");

export function simulateCommand(): Command {
  return new Command("simulate")
    .requiredOption("--rows <n>", "impressions to generate", wholeNumber)
    .option("--seed <n>", "the same seed gives the same bytes", seed, 42)
    .addOption(new Option("--format <name>", "one row per line").choices(simulatorFormats).default("tsv"))
    .option("--out <file>", 'file of labelled events, "-" for stdout (the default without --impressions and --clicks)')
    .option("--impressions <file>", "file of the same impressions without labels, as a server logs them")
    .option("--clicks <file>", "file of the clicks on them, each with its own later time: event_id, ts_ms")
    .option(
      "--click-window <time>",
      "clicks later than this after their impression do not count (15m, 1d)",
      duration,
      900,
    )
    .option("--json", "print the facts (oracle_auc, base rate ...) as one JSON object, the last line of stdout")
    .addHelpText(
      "after",
      `
features/ads-demo.yaml is the spec of this stream; its columns are described there.

Examples:
  hashbrook simulate --rows 1000000 --seed 7 --out ads.tsv
  hashbrook simulate --rows 1000000 --impressions shown.tsv --clicks clicks.tsv --out labelled.tsv`,
    )
    .action(run);
}

async function run(flags: Flags): Promise<void> {
  const { rows, seed, format } = flags;
  const started = systemClock.now();
  const { signal, release } = stopSignal();
  const outputs = openOutputs(flags);
  const all = Object.values(outputs).filter((output) => output !== undefined);
  try {
    const facts = await simulate({ rows, seed, format, ...writersOf(outputs, flags, signal) });
    for (const output of all) output.commit();
    print(flags, facts, (systemClock.now() - started) / 1000);
  } catch (error) {
    if (error !== STOPPED) throw error;
    tellUnchanged(signal, flags.out ?? flags.impressions ?? flags.clicks ?? "-");
  } finally {
    for (const output of all) output.discard();
    release();
  }
}

/** @throws HashbrookError usage if two of them are the same, source_unreadable */
function openOutputs({ out, impressions, clicks }: Flags) {
  const labelled = out ?? (impressions || clicks ? undefined : "-");
  refuseSame([labelled, impressions, clicks]);
  const [events, shown, clicked] = [labelled, impressions, clicks].map((name) =>
    name === undefined ? undefined : Output.open(name),
  );
  return { events, shown, clicked };
}

function writersOf(
  { events, shown, clicked }: ReturnType<typeof openOutputs>,
  { clickWindow }: Flags,
  signal: AbortSignal,
): Pick<SimulateOptions, "write" | "split"> {
  const writes = (output: Output | undefined) => async (bytes: Uint8Array) => {
    if (output) await writeOut(output, bytes);
    // Lets a signal be delivered.
    await setImmediate();
    if (signal.aborted) throw STOPPED;
  };
  const split = { impressions: writes(shown), clicks: writes(clicked), window: clickWindow * 1000 };
  return { write: writes(events), split: shown || clicked ? split : undefined };
}

/** @throws HashbrookError usage if two outputs are the same: one would replace the other */
function refuseSame(outputs: readonly (string | undefined)[]): void {
  const paths = outputs.flatMap((name) => (name === undefined ? [] : [name === "-" ? name : resolve(name)]));
  const twice = paths.find((path, i) => paths.indexOf(path) < i);
  if (twice === undefined) return;
  throw new HashbrookError("usage", `${twice}: is named by two of --out, --impressions and --clicks`, {
    hint: "give each its own file",
  });
}

/** A dash if there were no events, or only of one class. */
const known = (value: number): string => figure(Number.isNaN(value) ? null : value);

function print(flags: Flags, facts: SimulatedFacts, seconds: number): void {
  const { rows, bytes, baseRate, oracleAuc, oracleLogloss, distinct } = facts;
  const perSecond = Math.round(rows / seconds);
  if (!flags.json) {
    process.stderr.write(
      `${grouped(rows)} impressions, ${count(perSecond)}/s, ${rows > 0 ? `${(baseRate * 100).toFixed(2)} %` : "no"} clicks · oracle: AUC ${known(oracleAuc)}, logloss ${known(oracleLogloss)}\n`,
    );
    return;
  }
  const report = { examples: rows, rejected: 0, seconds, examples_per_second: perSecond, bytes, seed: flags.seed };
  process.stdout.write(
    `${JSON.stringify({ ...report, base_rate: baseRate, oracle_auc: oracleAuc, oracle_logloss: oracleLogloss, distinct })}\n`,
  );
}
