import { Command } from "commander";
import { HashbrookError } from "../core/errors.js";
import { hex64 } from "../core/hash.js";
import { loadModel } from "../model/load.js";
import { keysOf } from "../spec/keys.js";
import type { RowStore, Table } from "../tables/table.js";
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

/** A learned row: its key and weights. */
interface Row {
  readonly key: string;
  readonly norm: number;
  /** Cosine to the row that was asked for. */
  readonly similarity?: number;
  readonly weights: number[];
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
  if ((flags.field === undefined) !== (flags.value === undefined)) {
    throw new HashbrookError("usage", "--field and --value go together");
  }
  const loaded = await loadModel(flags.checkpoint, { capacity: 1, threads: 1 });
  const { model, spec, specHash, examples, path, checkpoint, skipped } = loaded;
  const asked = flags.field ? keysOf(spec, flags.field, flags.value!) : [];
  const tables: TableText[] = [];
  for (const table of model.tables) {
    tables.push(await describe(table, asked.find((key) => key.table === table.name)?.key, flags.top));
  }
  await model.close();
  const { tally, position } = checkpoint.meta as unknown as { tally: object; position: object };
  const report = {
    checkpoint: path,
    model: spec.name,
    tower: spec.tower.kind,
    spec_hash: specHash,
    examples,
    bytes: checkpoint.bytes,
    position,
    tally,
    tables,
    passed_over: skipped,
  };
  tellPassedOver(skipped);
  if (flags.json) process.stdout.write(`${JSON.stringify(flags.spec ? { ...report, spec } : report)}\n`);
  else process.stdout.write(`${text(report)}${flags.spec ? `${JSON.stringify(spec, null, 2)}\n` : ""}`);
}

async function describe(table: Table, key: string | undefined, top: number) {
  const { rows, capacity, bytes } = table.stats();
  const { encoding, dim, optimizer, cells } = table.spec;
  const asked = key === undefined ? undefined : await look(table, key);
  const to = asked?.weights ?? undefined;
  const shown = top > 0 && (key === undefined || to) ? topRows(table, top, to) : [];
  return {
    name: table.name,
    encoding,
    optimizer: optimizer.kind,
    dim,
    fields: cells.map((cell) => cell.field),
    rows,
    capacity,
    fill: capacity > 0 ? rows / capacity : 0,
    dense_weights: table.dense.reduce((sum, weights) => sum + weights.size, 0),
    bytes,
    stores: table.stores.map(describeStore),
    ...(table.hotness && { hotness: table.hotness }),
    asked,
    top: shown,
  };
}

type TableText = Awaited<ReturnType<typeof describe>>;

/** A key's vector: of a table with a row for each id only where the id was learned. */
async function look(table: Table, key: string): Promise<{ key: string; row: number | null; weights: number[] | null }> {
  const id = BigInt(`0x${key}`);
  if (!table.lookup) return { key, row: null, weights: Array.from(await table.vectorOf(id)) };
  const found = table.lookup(id);
  return { key, row: found?.row ?? null, weights: found ? Array.from(found.weights) : null };
}

function describeStore({ spec, layout, rows, capacity, bytes, lifecycle }: RowStore) {
  const about = { name: spec.name, dim: layout.dim, rows, capacity, bytes, bytes_per_row: layout.stride };
  return { ...about, lifecycle: lifecycle?.counts() };
}

/** The rows with the largest norm, or the nearest to `to` by cosine. */
function topRows(table: Table, top: number, to?: number[]): Row[] {
  let best: Row[] = [];
  const rank = (row: Row) => row.similarity ?? row.norm;
  const { dim } = table.spec;
  const vectors = table.stores.filter(({ layout }) => layout.dim === dim);
  for (const { keys, weights } of chunksOf(vectors)) {
    const rows = Array.from(keys, (key, i): Row => {
      const values = Array.from(weights.subarray(i * dim, (i + 1) * dim));
      const norm = Math.hypot(...values);
      return { key: hex64(key), norm, weights: values, ...(to && { similarity: cosine(values, to) }) };
    });
    best = [...best, ...rows].sort((a, b) => rank(b) - rank(a)).slice(0, top);
  }
  return best;
}

function* chunksOf(stores: readonly RowStore[]) {
  for (const store of stores) yield* store.exportRows();
}

function cosine(a: readonly number[], b: readonly number[]): number {
  const lengths = Math.hypot(...a) * Math.hypot(...b);
  return lengths > 0 ? a.reduce((sum, x, i) => sum + x * b[i], 0) / lengths : 0;
}

function text(report: {
  checkpoint: string;
  model: string;
  tower: string;
  spec_hash: string;
  examples: number;
  bytes: number;
  tables: TableText[];
}): string {
  const lines = [
    `${report.model} (${report.tower}) · ${report.examples.toLocaleString("en")} examples learned · spec ${report.spec_hash}`,
    `${report.checkpoint} · ${bytes(report.bytes)}`,
  ];
  for (const table of report.tables) lines.push(...tableText(table));
  return `${lines.join("\n")}\n`;
}

function tableText(table: TableText): string[] {
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
