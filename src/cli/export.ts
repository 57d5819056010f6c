import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, Option } from "commander";
import type { Skipped } from "../checkpoints/store.js";
import { removeTemporary, temporaryFor } from "../core/temporary.js";
import { type Precision, precisions } from "../delta-log/precision.js";
import {
  defaultFormats,
  type ExportFormat,
  exportFormats,
  exportModel,
  type OnnxScope,
  onnxScopes,
} from "../exports/export-model.js";
import { cutCheckpoint } from "../migrate/cut.js";
import { DIMS, dims } from "./options.js";
import { stopSignal, tellUnchanged } from "./signals.js";
import { tellPassedOver } from "./summary.js";

interface Flags {
  checkpoint: string;
  out: string;
  format: ExportFormat[];
  onnx: OnnxScope;
  precision: Precision;
  nonzero?: true;
  dims?: Record<string, number>;
  json?: true;
}

export function exportCommand(): Command {
  return new Command("export")
    .requiredOption("--checkpoint <dir>", "a run's directory (its newest checkpoint) or one checkpoint")
    .requiredOption("--out <dir>", "directory to write to; existing files of the same names are replaced")
    .addOption(new Option("--format <names...>", "files to write").choices(exportFormats).default([...defaultFormats]))
    .addOption(
      new Option("--onnx <scope>", "the tower alone, or the whole model: 64-bit keys to scores in one file")
        .choices(onnxScopes)
        .default("tower"),
    )
    .addOption(
      new Option("--precision <p>", "precision of the rows' weights in scorer.hbd").choices(precisions).default("f32"),
    )
    .option("--dims <list>", DIMS, dims)
    .option("--nonzero", "omit rows whose weights are all 0")
    .option("--json", 'print the written files as one JSON object, {"files": [...], "passed_over": [...]}')
    .addHelpText(
      "after",
      `
model.json            name, version, compiled spec and the scaling of standardize: what a program needs to score (docs/FORMATS.md)
tower.onnx            inputs x_<table> [B, cells × dim], numbers, vectors, wide, length_<bag>; output logits [B, 1], before the sigmoid
model.onnx            with --onnx whole, instead of tower.onnx: inputs keys_<table> (int64), numbers; outputs probability [B, 1], calibrated
scorer.hbd            with --format scorer: the whole model for hashbrook/scorer, in Node or a browser
<table>.safetensors   keys U64 [n] (hash tables: row numbers), weights F32 [n, dim]
<table>.keys.npy, <table>.weights.npy   the same`,
    )
    .action(run);
}

type Whole = Omit<Flags, "dims">;

async function run({ dims, ...flags }: Flags): Promise<void> {
  const { signal, release } = stopSignal();
  try {
    await (dims === undefined ? write(flags, signal) : writeCut(flags, dims, signal));
  } finally {
    release();
  }
}

async function writeCut(flags: Whole, dims: Record<string, number>, signal: AbortSignal): Promise<void> {
  const folder = temporaryFor(join(tmpdir(), "hashbrook-cut"));
  try {
    mkdirSync(folder, { mode: 0o700 });
    const { passed_over } = await cutCheckpoint({ checkpoint: flags.checkpoint, dims, out: folder });
    await write({ ...flags, checkpoint: folder }, signal, passed_over);
  } finally {
    removeTemporary(folder);
  }
}

/** @param skipped damaged checkpoints that were skipped to make the one that is exported */
async function write(
  { checkpoint, out, format: formats, onnx, precision, nonzero, json }: Whole,
  signal: AbortSignal,
  skipped: readonly Skipped[] = [],
): Promise<void> {
  const options = { checkpoint, out, formats, onnx, precision, nonzero, signal };
  const { stopped_before, ...exported } = await exportModel(options);
  const report = { ...exported, passed_over: [...skipped, ...exported.passed_over] };
  tellPassedOver(report.passed_over);
  if (stopped_before !== null) return tellUnchanged(signal, stopped_before);
  process.stdout.write(json ? `${JSON.stringify(report)}\n` : report.files.map((path) => `${path}\n`).join(""));
}
