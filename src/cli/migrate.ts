import { Command } from "commander";
import { bytes, grouped } from "../core/digits.js";
import { HashbrookError } from "../core/errors.js";
import { type CutTable, cutCheckpoint } from "../migrate/cut.js";
import { type MigrationReport, migrate } from "../migrate/migrate.js";
import { pruneCheckpoint } from "../migrate/prune.js";
import type { RewriteReport, Rewritten } from "../migrate/rewrite.js";
import { dims, share, wholeNumber } from "./options.js";
import { count } from "./progress.js";
import { tellPassedOver } from "./summary.js";

interface Flags {
  checkpoint: string;
  model?: string;
  dims?: Record<string, number>;
  keepRows?: number;
  out: string;
  data?: string[];
  passes: number;
  json?: true;
}

export function migrateCommand(): Command {
  return new Command("migrate")
    .requiredOption("--checkpoint <dir>", "a run's directory (its newest checkpoint) or one checkpoint")
    .option("--model <spec>", "the new spec; only storage and learning settings of tables may differ from the old one")
    .requiredOption("--out <dir>", "directory of the new run")
    .option(
      "--dims <list>",
      "instead of --model: truncate nested vectors to prefixes, user=8,article=16 or all=8",
      dims,
    )
    .option(
      "--keep-rows <share>",
      "instead of --model: keep this share of the exact tables' rows, those with the longest vectors: 20%",
      share,
    )
    .option("--data <file...>", "events that supply the ids to convert; not needed for exact tables")
    .option("--passes <n>", "passes over the ids, for encodings that are fitted to the old vectors", wholeNumber, 20)
    .option("--json", "print the report as one JSON object, the last line of stdout")
    .addHelpText(
      "after",
      `
The new encoding reproduces every id's old vector: exact tables store it unchanged, the others are fitted to it by least
squares. The tower, metrics and stream position are kept: hashbrook train --resume --out DIR continues from there.
A table may change its encoding, rows, budget, precision, init, admission, eviction, optimizer and rates, but not its
name, dim, salt or fields.
The optimizer state of a changed table (FTRL's n, AdaGrad's accumulators, Adam's moments) starts at 0: its ids learn
like new ones, in large steps at first. Unchanged tables keep their state.
The error is the root mean squared difference of a weight, relative to the old weights: 0 = identical, 1 = nothing kept.

With --keep-rows, ids with short vectors lose their rows (magnitude pruning) and are then scored like new ids.
With --dims, a model's nested vectors are truncated to prefixes: it scores as eval --dims does, in fewer bytes.

Examples:
  hashbrook migrate --checkpoint runs/ads --model ads-small.yaml --out runs/ads-small
  hashbrook migrate --checkpoint runs/ads --dims user=8,ad=4 --out runs/ads-cut`,
    )
    .action(run);
}

async function run(flags: Flags): Promise<void> {
  const { checkpoint, model, dims, keepRows: keep, out, data, passes, json = false } = flags;
  if ([model, dims, keep].filter((given) => given !== undefined).length !== 1)
    throw new HashbrookError("usage", "migrate: give exactly one of --model, --dims and --keep-rows", {
      hint: "--model NEW.yaml changes encodings, --dims shortens nested vectors, --keep-rows 20% drops rows",
    });
  if (dims !== undefined) return tell(await cutCheckpoint({ checkpoint, dims, out }), json);
  if (keep !== undefined) return tell(await pruneCheckpoint({ checkpoint, keep, out }), json);
  const onPass = (table: string, { pass, error }: { pass: number; error: number }) =>
    void process.stderr.write(`table ${table}: pass ${pass} of ${passes}, error ${error.toFixed(4)}\n`);
  const report = await migrate({ checkpoint, model: model!, out, data, passes, onPass });
  tellPassedOver(report.passed_over);
  for (const { message, hint } of report.warnings) process.stderr.write(`warning: ${message}\n  ${hint}\n`);
  process.stdout.write(flags.json ? `${JSON.stringify(report)}\n` : text(report));
}

function tell(report: RewriteReport, json: boolean): void {
  tellPassedOver(report.passed_over);
  process.stdout.write(json ? `${JSON.stringify(report)}\n` : rewrittenText(report));
}

function rewrittenText({ tables, examples, spec_hash, checkpoint }: RewriteReport): string {
  const lines = (tables as readonly (Rewritten & Partial<CutTable>)[]).map((table) => {
    const short = table.from === undefined ? "" : `${table.from} → ${table.to} components, `;
    const rows = table.rows === table.rows_before ? "" : `${count(table.rows_before)} → `;
    return `  table ${table.name}: ${short}${rows}${count(table.rows)} rows, ${bytes(table.bytes_before)} → ${bytes(table.bytes)}\n`;
  });
  const none = "  no table became shorter: each has a field that keeps all components\n";
  return `${grouped(examples)} examples, spec ${spec_hash}\n${lines.join("") || none}${checkpoint}\n`;
}

function text(report: MigrationReport): string {
  const lines = report.tables.map(
    ({ name, from, to, ids, bytes: size, error }) =>
      `  table ${name}: ${from} → ${to}, ${count(ids)} ids, ${bytes(size)}, error ${error.toFixed(4)}`,
  );
  const head = `${grouped(report.examples)} examples, spec ${report.spec_hash}\n`;
  return `${head}${lines.length > 0 ? `${lines.join("\n")}\n  their optimizer state was reset` : "  all tables unchanged"}\n${report.checkpoint}\n`;
}
