import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { Command, Option } from "commander";
import type { Steps } from "../checkpoints/data-file.js";
import { refuseInputs } from "../core/output.js";
import { exportFile, exportPaths, exportTableSteps, type TableRows } from "../exports/export.js";
import { type LoadedModel, loadModel } from "../model/load.js";
import { TowerModel } from "../model/tower-model.js";
import { nonZeroRows } from "../tables/nonzero-rows.js";
import type { RowStore } from "../tables/table.js";
import { stopSignal, tellStopped } from "./signals.js";
import { tellPassedOver } from "./summary.js";

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
    .option("--json", 'print the written files as one JSON object, {"files": [...], "passed_over": [...]}')
    .addHelpText(
      "after",
      `
model.json            name, version, compiled spec, and how standardize scales: what a program needs to score (docs/FORMATS.md)
tower.onnx            inputs x_<table> [B, cells × dim], numbers, vectors, wide; output logits [B, 1], before the sigmoid
<table>.safetensors   keys U64 [n] (hash tables: row numbers), weights F32 [n, dim]
<table>.keys.npy, <table>.weights.npy   the same`,
    )
    .action(run);
}

async function run(flags: Flags): Promise<void> {
  const { signal, release } = stopSignal();
  try {
    await write(flags, signal);
  } finally {
    release();
  }
}

async function write(flags: Flags, signal: AbortSignal): Promise<void> {
  const loaded = await loadModel(flags.checkpoint, { capacity: 1, threads: 1 });
  const { model, checkpoint, skipped } = loaded;
  tellPassedOver(skipped);
  const written = [join(flags.out, "model.json")];
  exportFile(written[0], description(loaded));
  if (flags.format.includes("onnx") && model instanceof TowerModel) {
    const path = join(flags.out, "tower.onnx");
    exportFile(path, model.onnx(identity(loaded)));
    written.push(path);
  }
  const formats = flags.format.filter((name) => name !== "onnx");
  const stores = formats.length > 0 ? model.tables.flatMap(({ stores }) => stores) : [];
  const paths = stores.flatMap(({ spec }) => exportPaths(flags.out, spec.name, formats));
  for (const path of paths) refuseInputs(path, checkpoint.files);
  for (const store of stores) {
    const steps = exportTableSteps(flags.out, rowsOf(store, flags.nonzero ?? false), formats);
    const files = await unlessStopped(steps, signal);
    if (!files) return tellStopped(signal, join(flags.out, store.spec.name));
    written.push(...files);
  }
  await model.close();
  const report = { files: written, passed_over: skipped };
  process.stdout.write(flags.json ? `${JSON.stringify(report)}\n` : written.map((path) => `${path}\n`).join(""));
}

/** What the ONNX file says of itself. */
function identity({ spec, specHash, examples }: LoadedModel): Record<string, string> {
  return {
    model: spec.name,
    version: String(examples),
    spec_hash: specHash,
    output: "logits: probability = sigmoid(logit)",
  };
}

/** model.json: what a program needs beside the weights. */
function description({ spec, specHash, examples, model }: LoadedModel): Uint8Array {
  const standardize = model.numbers.scales(spec.numbers);
  const text = { model: spec.name, version: examples, spec_hash: specHash, standardize, spec };
  return Buffer.from(`${JSON.stringify(text, null, 2)}\n`);
}

/** Does all steps, or ends them when the signal comes. */
async function unlessStopped<T>(steps: Steps<T>, signal: AbortSignal): Promise<T | undefined> {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    await setImmediate();
    if (signal.aborted) return void steps.return(undefined as T);
  }
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
