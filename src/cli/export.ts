import { join } from "node:path";
import { Command, Option } from "commander";
import { exportFile, exportTable } from "../checkpoint/export.js";
import { loadModel } from "../model/load.js";
import { TowerModel } from "../model/tower-model.js";

const FORMATS = ["onnx", "safetensors", "npy"] as const;

interface Flags {
  checkpoint: string;
  out: string;
  format: (typeof FORMATS)[number][];
  json?: true;
}

export function exportCommand(): Command {
  return new Command("export")
    .description("Write a checkpoint's tower as ONNX and its tables as safetensors and npy")
    .requiredOption("--checkpoint <dir>", "a run's directory (its newest checkpoint) or one checkpoint")
    .requiredOption("--out <dir>", "directory to write to; files of the same names are replaced")
    .addOption(new Option("--format <names...>", "what to write").choices(FORMATS).default([...FORMATS]))
    .option("--json", "print the written files as a JSON array")
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
    const rows = { name: store.spec.name, rows: store.rows, dim: store.layout.dim, chunks: store.exportRows() };
    written.push(...exportTable(flags.out, rows, formats));
  }
  await model.close();
  process.stdout.write(flags.json ? `${JSON.stringify(written)}\n` : written.map((path) => `${path}\n`).join(""));
}
