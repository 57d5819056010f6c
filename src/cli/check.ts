import { Command } from "commander";
import { grouped } from "../core/digits.js";
import { errorFacts } from "../core/errors.js";
import { type CheckReport, check } from "../train/check/check.js";
import type { FieldCheck } from "../train/check/field-check.js";
import { sampleText } from "../train/rejects/rejects.js";
import { wholeNumber } from "./options.js";
import { counted } from "./progress.js";

interface Flags {
  model: string;
  data: string[];
  rows: number;
  json?: true;
}

export function checkCommand(): Command {
  return new Command("check")
    .requiredOption("--model <spec>", "model spec, a YAML file (see features/README.md)")
    .requiredOption(
      "--data <file...>",
      'files in order (patterns, .gz, .zst), "-" for stdin, or simulate:ROWS[:SEED[:FORMAT]]',
    )
    .option("--rows <n>", "events to read", wholeNumber, 10_000)
    .option("--json", "print the report as one JSON object, the last line of stdout")
    .addHelpText(
      "after",
      `
The report gives the number of events that fit the spec; the label's values and the share of positives; the first and
last event time; for each field how often it is present, its distinct values, range and first examples; and for each
reject code the first rejected event, with what was expected.
A warning, with its fix, is given for: only one class of labels, a field that is always missing or always the same,
times before 2000 or after the next year, more than half of the events rejected. Settings of the spec that are valid
but rarely intended are reported too; they do not change the exit code.

Exits with 0 if nothing was rejected and nothing in the data looks wrong, otherwise with ${errorFacts.all_rejected.exit}.

Examples:
  hashbrook check --model shop.yaml --data 'events-*.json.gz'
  hashbrook check --model features/ads-demo.yaml --data simulate:10000:7 --json
  head -n 1000 events.tsv | hashbrook check --model shop.yaml --data -`,
    )
    .action(run);
}

async function run(flags: Flags): Promise<void> {
  const report = await check(flags);
  process.stdout.write(flags.json ? `${JSON.stringify(report)}\n` : `${checkText(report)}\n`);
  if (!report.ok) process.exitCode = errorFacts.all_rejected.exit;
}

/** A check as text. */
export function checkText(report: CheckReport): string {
  const { rows, accepted, rejected, label, time } = report;
  const warnings = [...report.spec_warnings, ...report.warnings];
  const lines = [
    `${counted(rows, "event", grouped(rows))} read, ${grouped(accepted)} fit the spec, ${grouped(rejected)} rejected`,
  ];
  if (label.from === null) lines.push("  label: joined from clicks, which are not read here");
  if (label.positive_rate !== null)
    lines.push(`  label ${label.from}: ${percent(label.positive_rate)} positive (${valuesText(label.values)})`);
  if (time?.first) lines.push(`  time ${time.from}: ${time.first} to ${time.last} UTC`);
  lines.push(...table(report.fields).map((line) => `  ${line}`));
  for (const [code, sample] of Object.entries(report.rejected_samples))
    lines.push(`rejected ${grouped(report.rejected_by_code[code])}: ${sampleText(code, sample)}`);
  for (const { message, hint } of warnings) lines.push(`warning: ${message}`, `  ${hint}`);
  lines.push(verdict(report));
  return lines.join("\n");
}

function verdict({ ok, rows, rejected, warnings, spec_warnings }: CheckReport): string {
  if (ok) return spec_warnings.length > 0 ? "no problems found in the data" : "no problems found";
  const doubts = warnings.length + spec_warnings.length;
  const parts = [
    ...(rejected > 0 ? [`${grouped(rejected)} of ${grouped(rows)} events rejected`] : []),
    ...(doubts > 0 ? [`${doubts} ${doubts === 1 ? "warning" : "warnings"}`] : []),
  ];
  return parts.join(", ") || "no events";
}

function table(fields: readonly FieldCheck[]): string[] {
  const heads = ["field", "type", "present", "distinct", "min", "mean", "max", "examples"];
  const rows = [heads, ...fields.map(cells)];
  const widths = heads.map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  const isText = (i: number) => i < 2 || i === heads.length - 1;
  return rows.map((row) =>
    row
      .map((cell, i) => (isText(i) ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
      .join("  ")
      .trimEnd(),
  );
}

function cells({ name, from, type, present, distinct, min, mean, max, examples }: FieldCheck): string[] {
  const shown = examples.map((text) => JSON.stringify(text.length > 24 ? `${text.slice(0, 24)}…` : text)).join(", ");
  const numbers = [min, mean, max].map((x) => (x === null ? "" : figure(x)));
  return [from === name ? name : `${name} (${from})`, type, percent(present), grouped(distinct), ...numbers, shown];
}

/** At most four decimals, fewer for large numbers. */
function figure(x: number): string {
  return Math.abs(x) >= 1e6 ? x.toPrecision(6) : String(Number(x.toFixed(4)));
}

function valuesText(values: CheckReport["label"]["values"]): string {
  return values.map(({ text, count }) => `${JSON.stringify(text)} ${grouped(count)}`).join(", ");
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
