import { dirname, join } from "node:path";
import { type Steps, toTheEnd } from "../checkpoints/data-file.js";
import { safetensorsLayout } from "../checkpoints/safetensors.js";
import { AtomicFile, writeFileAtomically } from "../core/atomic-file.js";
import { bytesOf } from "../core/blocks.js";
import { HashbrookError } from "../core/errors.js";
import { type Files, nodeFiles, writeError } from "../core/files.js";
import { npyHeader } from "../core/npy.js";

/** Some rows of a table: `keys` [n], `weights` [n × dim] row-major. */
export interface ExportChunk {
  readonly keys: BigUint64Array;
  readonly weights: Float32Array;
}

export interface TableRows {
  readonly name: string;
  /** Total number of rows in the chunks. */
  readonly rows: number;
  readonly dim: number;
  /** Iterated once. A chunk's arrays may be reused for the next one. */
  readonly chunks: Iterable<ExportChunk>;
}

export type TableFormat = "safetensors" | "npy";

/** Position of a column's next bytes. */
interface Column {
  readonly output: AtomicFile;
  position: number;
}

/**
 * Writes a table's keys (U64 [rows]) and weights (F32 [rows, dim]) into `directory`: `<table>.safetensors` with the
 * tensors `keys` and `weights`, and `<table>.keys.npy` and `<table>.weights.npy`. Row i of one belongs to row i of the
 * other. The files are renamed into place when all are complete; existing ones are replaced.
 * @returns the paths written
 * @throws checkpoint_write; internal if the chunks do not contain `rows` rows
 */
export function exportTable(
  directory: string,
  table: TableRows,
  formats: readonly TableFormat[] = ["safetensors", "npy"],
  files: Files = nodeFiles,
): string[] {
  return toTheEnd(exportTableSteps(directory, table, formats, files));
}

/**
 * As `exportTable`, pausing after every chunk to let other work go first. If it is not continued (`return`), nothing is
 * left behind.
 */
export function* exportTableSteps(
  directory: string,
  table: TableRows,
  formats: readonly TableFormat[] = ["safetensors", "npy"],
  files: Files = nodeFiles,
): Steps<string[]> {
  const outputs: AtomicFile[] = [];
  const base = join(directory, encodeURIComponent(table.name));
  try {
    files.mkdir(directory);
    const start = (path: string, header: Uint8Array): AtomicFile => {
      const output = new AtomicFile(files, path);
      outputs.push(output);
      output.write(header, 0);
      return output;
    };
    yield* writeChunks(table, openColumns(table, base, formats, start));
    for (const output of outputs) output.finish();
    for (const output of outputs) output.publish();
    files.syncDirectory(directory);
    return outputs.map(({ path }) => path);
  } catch (error) {
    throw writeError(base, error);
  } finally {
    for (const output of outputs) output.discard();
  }
}

/** The paths that `exportTable` writes a table of this name to. */
export function exportPaths(directory: string, name: string, formats: readonly TableFormat[]): string[] {
  const base = join(directory, encodeURIComponent(name));
  const endings = { safetensors: [".safetensors"], npy: [".keys.npy", ".weights.npy"] };
  return formats.flatMap((format) => endings[format].map((ending) => base + ending));
}

/**
 * Writes a file (an ONNX model: `tower.onnx`) atomically, so that its name never stands for a partial one.
 * @throws checkpoint_write
 */
export function exportFile(path: string, data: Uint8Array, files: Files = nodeFiles): void {
  try {
    files.mkdir(dirname(path));
    writeFileAtomically(files, path, data);
  } catch (error) {
    throw writeError(path, error);
  }
}

/**
 * Writes a file piece by piece, pausing after each to let other work go first; it is renamed into place when complete.
 * @returns the path
 * @throws checkpoint_write
 */
export function* exportPieces(path: string, pieces: Iterable<Uint8Array>, files: Files = nodeFiles): Steps<string[]> {
  let output: AtomicFile | undefined;
  try {
    files.mkdir(dirname(path));
    output = new AtomicFile(files, path);
    let at = 0;
    for (const piece of pieces) {
      at = output.write(piece, at);
      yield;
    }
    output.finish();
    output.publish();
    files.syncDirectory(dirname(path));
    return [path];
  } catch (error) {
    throw writeError(path, error);
  } finally {
    output?.discard();
  }
}

function openColumns(
  table: TableRows,
  base: string,
  formats: readonly TableFormat[],
  start: (path: string, header: Uint8Array) => AtomicFile,
): { keys: Column[]; weights: Column[] } {
  const keys = { name: "keys", dtype: "U64", shape: [table.rows] } as const;
  const weights = { name: "weights", dtype: "F32", shape: [table.rows, table.dim] } as const;
  const columns: { keys: Column[]; weights: Column[] } = { keys: [], weights: [] };
  if (formats.includes("safetensors")) {
    const { header, tensors } = safetensorsLayout([keys, weights]);
    const output = start(`${base}.safetensors`, header);
    for (const { name, offset } of tensors) columns[name as "keys" | "weights"].push({ output, position: offset });
  }
  if (formats.includes("npy")) {
    for (const { name, dtype, shape } of [keys, weights]) {
      const header = npyHeader(dtype, shape);
      columns[name].push({ output: start(`${base}.${name}.npy`, header), position: header.byteLength });
    }
  }
  return columns;
}

function* writeChunks(table: TableRows, columns: { keys: readonly Column[]; weights: readonly Column[] }): Steps<void> {
  let rows = 0;
  for (const { keys, weights } of table.chunks) {
    rows += keys.length;
    if (rows > table.rows || weights.length !== keys.length * table.dim) throw wrongRows(table, rows);
    for (const column of columns.keys) append(column, keys);
    for (const column of columns.weights) append(column, weights);
    yield;
  }
  if (rows !== table.rows) throw wrongRows(table, rows);
}

function append(column: Column, data: BigUint64Array | Float32Array): void {
  const bytes = bytesOf(data);
  column.position = column.output.write(bytes, column.position);
}

function wrongRows(table: TableRows, rows: number): HashbrookError {
  return new HashbrookError(
    "internal",
    `table ${table.name}: expected ${table.rows} rows of dim ${table.dim}, got ${rows}`,
  );
}
