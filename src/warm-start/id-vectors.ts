import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readSafetensorsLayout } from "../checkpoints/safetensors.js";
import { writeFileAtomically } from "../core/atomic-file.js";
import { bytesOf } from "../core/blocks.js";
import { HashbrookError } from "../core/errors.js";
import { type Files, nodeFiles, outputError, readWhole } from "../core/files.js";
import { decodeNpy, type NpyArray, npyHeader } from "../core/npy.js";
import { fromHalf } from "../delta-log/precision.js";
import { isParquet } from "../sources/files/parquet.js";
import { readParquetVectors } from "./parquet-vectors.js";

const VECTORS = "vectors.npy";
const SAFETENSORS = "vectors.safetensors";
const PARQUET = "vectors.parquet";
const IDS = "ids.tsv";
const FACTS = "item2vec.json";

/** Vectors of some ids. */
export interface IdVectors {
  /** Their texts, distinct. */
  readonly ids: readonly string[];
  readonly dim: number;
  /** f32[ids × dim], row-major. */
  readonly vectors: Float32Array;
}

/**
 * Writes `vectors.npy`, `ids.tsv` (id and count, one line per row, tabs and line breaks as \t, \n, \r, \\) and, last,
 * `item2vec.json`.
 * @throws HashbrookError source_unreadable if they cannot be written
 */
export function writeIdVectors(
  directory: string,
  { ids, dim, vectors }: IdVectors,
  counts: Uint32Array,
  facts: object,
  files: Files = nodeFiles,
): void {
  try {
    files.mkdir(directory);
    const header = npyHeader("F32", [ids.length, dim]);
    writeFileAtomically(files, join(directory, VECTORS), Buffer.concat([header, bytesOf(vectors)]));
    const lines = ids.map((id, i) => `${escaped(id)}\t${counts[i]}\n`).join("");
    writeFileAtomically(files, join(directory, IDS), Buffer.from(lines));
    writeFileAtomically(files, join(directory, FACTS), Buffer.from(`${JSON.stringify(facts, null, 2)}\n`));
  } catch (error) {
    throw outputError(directory, error);
  }
}

/**
 * Reads a folder with `vectors.npy` (f32, f16 or f64, one row per id), or `vectors.safetensors` with one such tensor, and
 * `ids.tsv` (the id before the first tab) or `ids.txt`, as `item2vec` and others write them; lines end with LF or CRLF.
 * @throws HashbrookError source_missing; source_unreadable if they do not belong together
 */
export function readIdVectors(directory: string): IdVectors {
  const wrong = (message: string, hint = `${VECTORS} must have one row per line of ${IDS}`) =>
    new HashbrookError("source_unreadable", `${directory}: ${message}`, { hint });
  const names = [IDS, "ids.txt"].map((name) => join(directory, name));
  const list = names.find((path) => existsSync(path));
  const file = [VECTORS, SAFETENSORS].map((name) => join(directory, name)).find((path) => existsSync(path));
  if (!list || !file)
    throw new HashbrookError("source_missing", `${directory}: has no ${list ? VECTORS : IDS}`, {
      hint: `name a folder with ${VECTORS} and ${IDS}, as hashbrook item2vec writes it`,
    });
  const array = file.endsWith(VECTORS) ? readNpy(file, wrong) : readTensor(file, wrong);
  const ids = readFileSync(list, "utf8")
    .replace(/\r?\n$/, "")
    .split(/\r?\n/)
    .map((line) => unescaped(line.split("\t", 1)[0]));
  const [rows, dim] = array.shape;
  if (array.shape.length !== 2 || dim === 0)
    throw wrong(`${VECTORS} has shape (${array.shape}), expected (ids, floats)`);
  if (rows !== ids.length) throw wrong(`${VECTORS} has ${rows} rows, but there are ${ids.length} ids`);
  if (new Set(ids).size !== ids.length) throw wrong("duplicate id", "keep one vector per id");
  const vectors = floats(array);
  if (!vectors) throw wrong(`${VECTORS} has dtype ${array.dtype}`, "save it as float32");
  if (!vectors.every(Number.isFinite))
    throw wrong("a vector has a value that is not a finite number", "remove such ids");
  return { ids, dim, vectors };
}

/**
 * Reads pretrained vectors for a table: a Parquet file, a folder with `vectors.parquet`, or one that `readIdVectors` reads.
 * @throws HashbrookError source_missing, source_unreadable
 */
export async function readGivenVectors(path: string): Promise<IdVectors> {
  const inside = join(path, PARQUET);
  if (!isParquet(path) && (existsSync(join(path, VECTORS)) || !existsSync(inside))) return readIdVectors(path);
  return readParquetVectors(isParquet(path) ? path : inside);
}

type Wrong = (message: string, hint?: string) => HashbrookError;

function readNpy(path: string, wrong: Wrong): NpyArray {
  try {
    return decodeNpy(readWhole(nodeFiles, path));
  } catch (error) {
    throw wrong((error as Error).message, "save a row-major array of float32 with numpy.save");
  }
}

/** The single tensor of a safetensors file. */
function readTensor(path: string, wrong: Wrong): NpyArray {
  const bytes = readWhole(nodeFiles, path);
  const file = nodeFiles.open(path, "r");
  try {
    const { tensors } = readSafetensorsLayout(nodeFiles, file, bytes.length, path);
    if (tensors.length !== 1) throw wrong(`${SAFETENSORS} has ${tensors.length} tensors`, "save only the vectors");
    const [{ dtype, shape, offset, bytes: size }] = tensors;
    return { dtype, shape, data: new Uint8Array(bytes.subarray(offset, offset + size)) };
  } finally {
    nodeFiles.close(file);
  }
}

function floats({ dtype, data }: NpyArray): Float32Array | null {
  const { buffer, byteLength } = data.slice();
  if (dtype === "F32") return new Float32Array(buffer, 0, byteLength / 4);
  if (dtype === "F16") return Float32Array.from(new Uint16Array(buffer, 0, byteLength / 2), fromHalf);
  return dtype === "F64" ? Float32Array.from(new Float64Array(buffer, 0, byteLength / 8)) : null;
}

const letters = { "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r" } as const;
const escaped = (id: string) => id.replace(/[\\\t\n\r]/g, (letter) => letters[letter as keyof typeof letters]);
const unescaped = (text: string) =>
  text.replace(/\\([\\tnr])/g, (_, letter: string) => ({ "\\": "\\", t: "\t", n: "\n", r: "\r" })[letter]!);
