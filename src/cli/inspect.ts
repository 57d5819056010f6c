import { Command } from "commander";
import { type InspectedTable, type InspectReport, inspect } from "../inspect/inspect.js";
import { wholeNumber } from "./options.js";
import { bytes, count } from "./progress.js";
import { hotnessText, lifecycleText, tellPassedOver } from "./summary.js";

interface Flags {
  checkpoint: string;
  field?: string;
  value?: string[];
  top: number;
  spec?: true;
  json?: true;
}

export function inspectCommand(): Command {
  return new Command("inspect")
    .description("Show what a checkpoint holds: spec, tables, fill, bytes, and the rows of an id")
    .requiredOption("--checkpoint <dir>", "a run's directory (its newest checkpoint) or one checkpoint")
    .option("--field <name>", "look up a value of this field ...")
    .option("--value <text...>", "... its text (for a cross one per component)")
    .option(
      "--top <n>",
      "rows to show: the nearest to the value's row by cosine, or without a value the longest",
      wholeNumber,
      5,
    )
    .option("--spec", "print the compiled spec")
    .option("--json", "print one JSON object")
    .action(run);
}

async function run(flags: Flags): Promise<void> {
  const { spec, ...report } = await inspect(flags);
  tellPassedOver(report.passed_over);
  if (flags.json) process.stdout.write(`${JSON.stringify(flags.spec ? { ...report, spec } : report)}\n`);
  else process.stdout.write(`${text(report)}${flags.spec ? `${JSON.stringify(spec, null, 2)}\n` : ""}`);
}

function text(report: Omit<InspectReport, "spec">): string {
  const lines = [
    `${report.model} (${report.tower}) · ${report.examples.toLocaleString("en")} examples learned · spec ${report.spec_hash}`,
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
  if (table.asked)
    lines.push(
      `  asked: ${table.asked.key} ${table.asked.weights === null ? "never learned" : `${table.asked.row === null ? "" : `row ${table.asked.row}: `}${vector(table.asked.weights)}`}`,
    );
  for (const row of table.top) {
    const rank = row.similarity === undefined ? `norm ${row.norm.toFixed(4)}` : `cosine ${row.similarity.toFixed(4)}`;
    lines.push(`  ${row.key}  ${rank}  ${vector(row.weights)}`);
  }
  return lines;
}

function vector(weights: readonly number[]): string {
  const shown = weights.slice(0, 8).map((w) => w.toFixed(4));
  return `[${shown.join(", ")}${weights.length > 8 ? ", …" : ""}]`;
}
