import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { curvesIn } from "../calibration/curve.js";
import type { Steps } from "../checkpoints/data-file.js";
import type { Skipped } from "../checkpoints/store.js";
import { checkArguments } from "../core/arguments.js";
import { writeError } from "../core/files.js";
import { hex64 } from "../core/hash.js";
import { refuseInputs } from "../core/output.js";
import { tryFolder } from "../core/temporary.js";
import { type Precision, precisions } from "../delta-log/precision.js";
import { type LoadedModel, loadModel } from "../model/load.js";
import { logitShift } from "../model/logit-shift.js";
import { TowerModel } from "../model/tower-model.js";
import { nonZeroRows } from "../tables/nonzero-rows.js";
import type { RowStore } from "../tables/table.js";
import { exportFile, exportPaths, exportPieces, exportTableSteps, type TableRows } from "./export-files.js";
import { snapshotPieces } from "./snapshot.js";
import { wholeOnnx } from "./whole/whole.js";

/**
 * The files to write in addition to `model.json`. `onnx`: the tower; `safetensors`, `npy`: the tables; `scorer`:
 * everything that `hashbrook/scorer` needs.
 */
export type ExportFormat = "onnx" | "safetensors" | "npy" | "scorer";
export const exportFormats: readonly ExportFormat[] = ["onnx", "safetensors", "npy", "scorer"];
export const defaultFormats: readonly ExportFormat[] = ["onnx", "safetensors", "npy"];
const tableFormats = ["safetensors", "npy"] as const;

/**
 * The content of the ONNX file. `tower`: what follows the tables, `tower.onnx`; `whole`: also rows and the last steps
 * of hashing, `model.onnx`.
 */
export type OnnxScope = "tower" | "whole";
export const onnxScopes: readonly OnnxScope[] = ["tower", "whole"];

/** What to export, and where to. */
export interface ExportOptions {
  /** A run's directory (its newest intact checkpoint) or one checkpoint's directory. */
  readonly checkpoint: string;
  /** Directory to write to; existing files of the same names are replaced. */
  readonly out: string;
  /** Default: onnx, safetensors and npy. lr, fm and ffm have no tower. */
  readonly formats?: readonly ExportFormat[] | undefined;
  /** Default: the tower. */
  readonly onnx?: OnnxScope | undefined;
  /** Precision of the rows' weights in the scorer's file. Default: f32, which gives bit-identical scores. */
  readonly precision?: Precision | undefined;
  /** Leave out the rows whose weights are all 0. Default false. */
  readonly nonzero?: boolean | undefined;
  /** When it aborts, the current table and later ones are not written. */
  readonly signal?: AbortSignal | undefined;
}

/** The result of an export. */
export interface ExportReport {
  /** Paths of the files, all of them complete. */
  readonly files: readonly string[];
  /** Damaged checkpoints that were skipped in favour of the exported one, and why. */
  readonly passed_over: readonly Skipped[];
  /** The path of the table that was being written when `signal` aborted; null: everything was written. */
  readonly stopped_before: string | null;
}

/**
 * Writes a checkpoint's tower as ONNX, its tables as safetensors and npy, and what else a program needs to score as
 * `model.json` (docs/FORMATS.md).
 * @throws HashbrookError checkpoint_missing | checkpoint_damaged | checkpoint_mismatch; usage if an output is one of
 *   the checkpoint's files, or the whole model does not fit in an ONNX file; checkpoint_write
 */
export async function exportModel(options: ExportOptions): Promise<ExportReport> {
  checkArguments("exportModel", options, {
    checkpoint: "path",
    out: "path",
    formats: "?texts",
    onnx: onnxScopes,
    precision: precisions,
    nonzero: "?boolean",
    signal: "?signal",
  });
  for (const format of options.formats ?? [])
    checkArguments("exportModel: formats", { format }, { format: exportFormats });
  // A large model takes minutes to load.
  tryFolder(options.out, writeError);
  const loaded = await loadModel(options.checkpoint, { capacity: 1, threads: 1 });
  try {
    return { ...(await write(loaded, options)), passed_over: loaded.skipped };
  } finally {
    await loaded.model.close();
  }
}

/** What is to be written: each file with its bytes, or the steps that write it. */
interface Planned {
  /** Every path that will be written. */
  readonly paths: readonly string[];
  readonly onnx: { readonly path: string; readonly encode: () => Uint8Array } | null;
  readonly jobs: readonly { readonly path: string; readonly begin: () => Steps<string[]> }[];
}

async function write(loaded: LoadedModel, options: ExportOptions): Promise<Omit<ExportReport, "passed_over">> {
  const description = join(options.out, "model.json");
  const { paths, onnx, jobs } = planned(loaded, options);
  for (const path of [description, ...paths]) refuseInputs(path, loaded.checkpoint.files);
  // A model that does not fit in an ONNX file is noticed before anything is written.
  const encoded = onnx?.encode();
  const files = [description];
  exportFile(description, describe(loaded));
  if (onnx && encoded) {
    exportFile(onnx.path, encoded);
    files.push(onnx.path);
  }
  for (const { path, begin } of jobs) {
    const written = await unlessStopped(begin(), options.signal);
    if (!written) return { files, stopped_before: path };
    files.push(...written);
  }
  return { files, stopped_before: null };
}

function planned(loaded: LoadedModel, options: ExportOptions): Planned {
  const { out, formats = defaultFormats, onnx: scope = "tower", precision = "f32", nonzero = false } = options;
  const encode = formats.includes("onnx") ? encoderOf(loaded, scope) : null;
  const onnx = encode && { path: join(out, scope === "whole" ? "model.onnx" : "tower.onnx"), encode };
  const scorers = formats.includes("scorer") ? [join(out, "scorer.hbd")] : [];
  const tables = tableFormats.filter((name) => formats.includes(name));
  const stores = tables.length > 0 ? loaded.model.tables.flatMap(({ stores }) => stores) : [];
  const rows = stores.flatMap(({ spec }) => exportPaths(out, spec.name, tables));
  return {
    paths: [...(onnx ? [onnx.path] : []), ...scorers, ...rows],
    onnx,
    jobs: [
      ...scorers.map((path) => ({ path, begin: () => exportPieces(path, snapshotPieces(loaded, precision)) })),
      ...stores.map((store) => ({
        path: join(out, store.spec.name),
        begin: () => exportTableSteps(out, rowsOf(store, nonzero), tables),
      })),
    ],
  };
}

/** Makes the ONNX file's bytes; null if there is nothing to write. */
function encoderOf(loaded: LoadedModel, scope: OnnxScope): (() => Uint8Array) | null {
  const { model } = loaded;
  if (scope === "whole") return () => wholeOnnx(loaded, identity(loaded));
  const output = "logits: probability = sigmoid(logit)";
  return model instanceof TowerModel ? () => model.onnx({ metadata: { ...identity(loaded), output } }) : null;
}

/** Metadata in the ONNX file. */
function identity({ spec, specHash, examples }: LoadedModel): Record<string, string> {
  const shift = logitShift(spec);
  const told = `logits hold it, ln ${spec.negative_sampling}: the share of negatives that is learned`;
  const corrected: Record<string, string> = shift === 0 ? {} : { logit_shift: `${shift}; ${told}` };
  return { model: spec.name, version: String(examples), spec_hash: specHash, ...corrected };
}

/** model.json: what a program needs in addition to the weights. */
function describe({ spec, specHash, examples, model }: LoadedModel): Uint8Array {
  const standardize = model.numbers.scales(spec.numbers);
  const shift = logitShift(spec);
  const told = { ...(shift === 0 ? {} : { logit_shift: shift }), ...calibrationOf(model) };
  const text = { model: spec.name, version: examples, spec_hash: specHash, standardize, ...told, spec };
  return Buffer.from(`${JSON.stringify(text, null, 2)}\n`);
}

/** The curves: that of all events, and those of the slices by key (16 hex digits). */
function calibrationOf({ calibrator }: LoadedModel["model"]): object {
  if (!calibrator) return {};
  const state = calibrator.snapshot();
  const [all, ...slices] = curvesIn(state).map((curve) => [...curve]);
  return { calibration: { all, slices: Object.fromEntries(slices.map((curve, i) => [hex64(state.keys[i]), curve])) } };
}

/** Runs all steps, or stops when the signal aborts. */
async function unlessStopped<T>(steps: Steps<T>, signal: AbortSignal | undefined): Promise<T | undefined> {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    await setImmediate();
    if (signal?.aborted) return void steps.return(undefined as T);
  }
}

/** A store's rows to export. Nonzero rows are counted first, because a file begins with their number. */
function rowsOf(store: RowStore, nonzero: boolean): TableRows {
  const { dim } = store.layout;
  const { name } = store.spec;
  if (!nonzero) return { name, rows: store.rows, dim, chunks: store.exportRows() };
  let rows = 0;
  for (const { keys } of nonZeroRows(store.exportRows(), dim)) rows += keys.length;
  return { name, rows, dim, chunks: nonZeroRows(store.exportRows(), dim) };
}
