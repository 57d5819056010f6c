import { join } from "node:path";
import { Command, Option } from "commander";
import { exportFile, exportTable, type TableRows } from "../checkpoint/export.js";
import { loadModel } from "../model/load.js";
import { TowerModel } from "../model/tower-model.js";
import { nonZeroRows } from "../tables/nonzero.js";
import type { RowStore } from "../tables/table.js";

const FORMATS = ["onnx", "safetensors", "npy"] as const;

interface Flags {
  checkpoint: string;
  out: string;
  format: (typeof FORMATS)[number][];
  nonzero?: true;
  json?: true;
}

export function exportCommand(): Command {
  return new Command("export")
    .description("Write a checkpoint's tower as ONNX and its tables as safetensors and npy")
    .requiredOption("--checkpoint <dir>", "a run's directory (its newest checkpoint) or one checkpoint")
    .requiredOption("--out <dir>", "directory to write to; files of the same names are replaced")
    .addOption(new Option("--format <names...>", "what to write").choices(FORMATS).default([...FORMATS]))
    .option("--nonzero", "leave out the rows whose weights are all 0")
    .option("--json", 'print the written files as one JSON object, {"files": [...]}')
    .addHelpText(
      "after",
      `
tower.onnx            inputs x_<table> [B, cells × dim], numbers, vectors, wide; output logits [B, 1]
<table>.safetensors   keys U64 [n] (hash tables: row numbers), weights F32 [n, dim]
<table>.keys.npy, <table>.weights.npy   the same`,
    )
    .action(run);
}

async function run(flags: Flags): Promise<void> {
  const { model } = await loadModel(flags.checkpoint, { capacity: 1, threads: 1 });
  const written: string[] = [];
  if (flags.format.includes("onnx") && model instanceof TowerModel) {
    const path = join(flags.out, "tower.onnx");
    exportFile(path, model.onnx());
    written.push(path);
  }
  const formats = flags.format.filter((name) => name !== "onnx");
  for (const store of formats.length > 0 ? model.tables.flatMap(({ stores }) => stores) : []) {
    written.push(...exportTable(flags.out, rowsOf(store, flags.nonzero ?? false), formats));
  }
  await model.close();
  process.stdout.write(
    flags.json ? `${JSON.stringify({ files: written })}\n` : written.map((path) => `${path}\n`).join(""),
  );
}

/** A store's rows to export. Those that are not all 0 are counted first: a file begins with how many it has. */
function rowsOf(store: RowStore, nonzero: boolean): TableRows {
  const { dim } = store.layout;
  const { name } = store.spec;
  if (!nonzero) return { name, rows: store.rows, dim, chunks: store.exportRows() };
  let rows = 0;
  for (const { keys } of nonZeroRows(store.exportRows(), dim)) rows += keys.length;
  return { name, rows, dim, chunks: nonZeroRows(store.exportRows(), dim) };
}
