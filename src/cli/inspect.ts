import { Command } from "commander";
import { bytes, grouped } from "../core/digits.js";
import { oneLine } from "../core/texts.js";
import { type InspectedRow, type InspectedTable, type InspectReport, inspect } from "../inspect/inspect.js";
import { counting, wholeNumber } from "./options.js";
import { count } from "./progress.js";
import { hotnessText, lifecycleText, tellPassedOver } from "./summary.js";

interface Flags {
  checkpoint: string;
  field?: string;
  value?: string[];
  top?: number;
  heaviest?: number;
  names?: string[];
  spec?: true;
  json?: true;
}

export function inspectCommand(): Command {
  return new Command("inspect")
    .requiredOption("--checkpoint <dir>", "a run's directory (its newest checkpoint) or one checkpoint")
    .option("--field <name>", "look up a value of this field ...")
    .option("--value <text...>", "... given as text (for a cross, one per component)")
    .option(
      "--top <n>",
      "rows to show: those with the longest vectors (default: 5), or with --value its nearest neighbours by cosine (default: 0)",
      wholeNumber,
    )
    .option(
      "--heaviest <n>",
      "for tables with one weight per row (lr, wide parts): show the n largest and the n smallest weights",
      counting,
    )
    .option("--names <file...>", "show the ids of the rows, found in these events (or simulate:ROWS[:SEED])")
    .option("--spec", "print the compiled spec")
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      `
Examples:
  hashbrook inspect --checkpoint runs/shop --field item --value a17 --top 10 --names events.json     # what is similar to a17
  hashbrook inspect --checkpoint runs/ads-lr --heaviest 20 --names ads.tsv                           # the strongest weights of lr`,
    )
    .action(run);
}

async function run(flags: Flags): Promise<void> {
  const { spec, ...report } = await inspect(flags);
  tellPassedOver(report.passed_over);
  if (flags.json) process.stdout.write(`${JSON.stringify(flags.spec ? { ...report, spec } : report)}\n`);
  else
    process.stdout.write(
      `${flags.field === undefined ? text(report) : askedText(report, flags)}${flags.spec ? `${JSON.stringify(spec, null, 2)}\n` : ""}`,
    );
}

/** One id and its nearest neighbours. */
function askedText({ tables }: Omit<InspectReport, "spec">, { field, value }: Flags): string {
  const name = oneLine(`${field}=${value!.join(" × ")}`);
  const lines = tables.flatMap(({ name: table, asked, top }) => {
    const { key, row, weights } = asked!;
    const place = row === null ? "" : `, row ${row}`;
    const learned = weights === null ? "never learned" : vector(weights);
    return [`${name} in table ${table}: key ${key}${place}  ${learned}`, ...top.map(rowText)];
  });
  return `${lines.join("\n")}\n`;
}

function text(report: Omit<InspectReport, "spec">): string {
  const lines = [
    `${report.model} (${report.tower}) · ${grouped(report.examples)} examples learned · spec ${report.spec_hash}`,
    `${report.checkpoint} · ${bytes(report.bytes)}`,
  ];
  for (const table of report.tables) lines.push(...tableText(table));
  return `${lines.join("\n")}\n`;
}

function tableText(table: InspectedTable): string[] {
  const { rows, capacity, fill, dense_weights, optimizer } = table;
  const filled =
    capacity > 0 ? `, ${optimizer}, ${count(rows)} of ${count(capacity)} rows (${(fill * 100).toFixed(1)} %)` : "";
  const dense = dense_weights > 0 ? `, ${count(dense_weights)} dense weights` : "";
  const lines = [
    `table ${table.name}: ${table.encoding}, dim ${table.dim}${filled}${dense}, ${bytes(table.bytes)}`,
    `  fields: ${table.fields.join(", ")}`,
    ...table.stores.flatMap(({ name, rows, bytes_per_row, dim, lifecycle }) => [
      `  rows ${name}: ${count(rows)} of ${bytes_per_row} bytes, dim ${dim}`,
      ...(lifecycle ? [`    ${lifecycleText(lifecycle)}`] : []),
    ]),
    ...(table.hotness ? [`  ${hotnessText(table.hotness)}`] : []),
  ];
  lines.push(...table.top.map(rowText));
  for (const { key, weight, names } of table.heaviest ?? [])
    lines.push(`  ${key}  ${weight < 0 ? "" : "+"}${weight.toFixed(4)}${namesText(names)}`);
  return lines;
}

function rowText({ key, norm, weights, similarity, names }: InspectedRow): string {
  const rank = similarity === undefined ? `norm ${norm.toFixed(4)}` : `cosine ${similarity.toFixed(4)}`;
  return `  ${key}  ${rank}  ${vector(weights)}${namesText(names)}`;
}

function namesText(names: readonly string[] | undefined): string {
  if (names === undefined) return "";
  return `  ${names.length > 0 ? names.map(oneLine).join(" or ") : "(not found in these events)"}`;
}

function vector(weights: readonly number[]): string {
  const shown = weights.slice(0, 8).map((w) => w.toFixed(4));
  return `[${shown.join(", ")}${weights.length > 8 ? ", …" : ""}]`;
}
