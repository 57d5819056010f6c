// Export a model's vectors: read a table, and find the most similar ads.
//
//   node examples/export.mjs [DIR]      DIR: folder for the model and exported files (default: a temporary one)
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { exportModel, keysOf, loadSpec, train } from "hashbrook";

const folder = process.argv[2] ?? mkdtempSync(join(tmpdir(), "hashbrook-"));
const [checkpoint, out] = [join(folder, "model"), join(folder, "exported")];
const spec = loadSpec(fileURLToPath(import.meta.resolve("hashbrook/features/ads-demo.yaml")));
await train({ model: spec, data: "simulate:4000:7", out: checkpoint });

// model.json (all a program needs to score), tower.onnx (for any ONNX runtime), and one file per table.
const { files } = await exportModel({ checkpoint, out, formats: ["onnx", "safetensors"] });
console.log(files.map((file) => basename(file)).join(" "));

/** The tensors of a safetensors file: the length of the header (u64), the JSON header, and the data that it describes. */
function readSafetensors(path) {
  const file = readFileSync(path);
  const length = Number(file.readBigUInt64LE(0));
  const tensor = ({ dtype, shape, data_offsets: [start, end] }) => {
    const bytes = file.buffer.slice(file.byteOffset + 8 + length + start, file.byteOffset + 8 + length + end);
    return { shape, data: dtype === "U64" ? new BigUint64Array(bytes) : new Float32Array(bytes) };
  };
  const header = JSON.parse(file.toString("utf8", 8, 8 + length));
  return Object.fromEntries(Object.entries(header).map(([name, described]) => [name, tensor(described)]));
}

// Rows have 64-bit keys: hashes of the ids (features/README.md describes them, for other languages).
const { keys, weights } = readSafetensors(join(out, "ads.safetensors"));
const [rows, dim] = weights.shape;
const rowOf = new Map([...keys.data].map((key, row) => [key, row]));
const vectors = Array.from({ length: 300 }, (_, i) => {
  const [{ key }] = keysOf(spec, "ad", [`a${i}`]);
  const row = rowOf.get(BigInt(`0x${key}`)); // none: an ad that was never learned
  return { ad: `a${i}`, vector: row === undefined ? null : weights.data.subarray(row * dim, (row + 1) * dim) };
}).filter(({ vector }) => vector);
console.log(`${rows} ads of ${dim} weights, ${vectors.length} of them among a0 to a299`);

const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
const cosine = (a, b) => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b) || 1);
const [{ ad, vector }, ...others] = vectors;
const near = others.map((other) => ({ ad: other.ad, cosine: cosine(vector, other.vector) }));
near.sort((a, b) => b.cosine - a.cosine);
console.log(`most like ${ad}:`, near.slice(0, 3));
