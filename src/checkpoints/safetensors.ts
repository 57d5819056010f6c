import { type Dtype, dtypeBytes, type TensorSpec } from "../core/blocks.js";
import { HashbrookError } from "../core/errors.js";
import { type Files, readFully } from "../core/files.js";
import { Type } from "../schema/typebox.js";
import { validator } from "../schema/validator.js";

export interface TensorPlace extends TensorSpec {
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly bytes: number;
}

export interface SafetensorsLayout {
  /** The file's first bytes: length, JSON, padding. */
  readonly header: Uint8Array;
  /** In file order: contiguous, without gaps, to the file's end. */
  readonly tensors: readonly TensorPlace[];
  /** Size of the whole file. */
  readonly bytes: number;
}

const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

/** The description of a tensor, without its name. */
export const tensorProperties = {
  dtype: Type.Enum(Object.keys(dtypeBytes) as Dtype[]),
  shape: Type.Array(Count),
};

const headerOf = validator(Type.Unsafe<Record<string, unknown>>(Type.Object({})));
const entryOf = validator(Type.Object({ ...tensorProperties, data_offsets: Type.Tuple([Count, Count]) }));

/**
 * Maximum size of a JSON header, some 80,000 tensors; bounds the memory that a hostile file can make the reader use.
 */
const MAX_HEADER_BYTES = 8 << 20;

/** Bytes of a tensor; NaN or beyond 2^53 for an absurd shape. */
export function tensorBytes(tensor: { readonly dtype: Dtype; readonly shape: readonly number[] }): number {
  return tensor.shape.reduce((product, size) => product * size, dtypeBytes[tensor.dtype]);
}

/**
 * Lays tensors out as a safetensors file:
 *
 *     u64 LE   N, length of the JSON
 *     N bytes  {"name":{"dtype":"F32","shape":[2,3],"data_offsets":[begin,end]},…}, padded with spaces to a multiple of 8
 *     data     tensors back to back; offsets count from here
 *
 * Wide elements come first, then by name (as the Python library writes them), so every tensor is aligned to its element.
 * @throws internal when two tensors have one name or a shape is not a list of sizes
 */
export function safetensorsLayout(tensors: readonly TensorSpec[]): SafetensorsLayout {
  const ordered = tensors.toSorted((a, b) => dtypeBytes[b.dtype] - dtypeBytes[a.dtype] || (a.name < b.name ? -1 : 1));
  const entries = new Map<string, unknown>([["__metadata__", undefined]]);
  let end = 0;
  const relative = ordered.map(({ name, dtype, shape }) => {
    const bytes = tensorBytes({ dtype, shape });
    if (entries.has(name) || !isShape(shape) || !Number.isSafeInteger(bytes)) {
      throw new HashbrookError("internal", `tensor ${name} [${shape}]: duplicate name or invalid shape`);
    }
    const offset = end;
    end += bytes;
    entries.set(name, { dtype, shape, data_offsets: [offset, end] });
    return { name, dtype, shape, offset, bytes };
  });
  const header = encodeHeader(entries);
  const places = relative.map((tensor) => ({ ...tensor, offset: tensor.offset + header.byteLength }));
  return { header, tensors: places, bytes: header.byteLength + end };
}

function encodeHeader(entries: ReadonlyMap<string, unknown>): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const length = Math.ceil(json.byteLength / 8) * 8;
  const header = new Uint8Array(8 + length).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(json, 8);
  return header;
}

/**
 * Reads and checks the header of a safetensors file of `size` bytes, holding 8 MiB at most. Tensors must be inside the
 * file, without overlaps or gaps.
 * @throws checkpoint_damaged naming `path` and what is wrong
 */
export function readSafetensorsLayout(files: Files, file: number, size: number, path: string): SafetensorsLayout {
  const prefix = new Uint8Array(8);
  if (readFully(files, file, prefix, 0) < 8) throw damaged(path, "it is shorter than the length of its header");
  const length = new DataView(prefix.buffer).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES) || Number(length) > size - 8) {
    throw damaged(path, `its header should have ${length} bytes, but the file has ${size}`);
  }
  const header = new Uint8Array(8 + Number(length));
  if (readFully(files, file, header, 0) < header.byteLength) throw damaged(path, "its header is truncated");
  const tensors = placeTensors(parseHeader(header.subarray(8), path), header.byteLength, size, path);
  return { header, tensors, bytes: size };
}

function parseHeader(json: Uint8Array, path: string): [string, unknown][] {
  try {
    const header: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(json));
    const entries = Object.entries(headerOf(header, (what) => new Error(what)));
    return entries.filter(([name]) => name !== "__metadata__");
  } catch (error) {
    throw damaged(path, `its header is not valid JSON: ${(error as Error).message}`);
  }
}

function placeTensors(entries: [string, unknown][], dataStart: number, size: number, path: string): TensorPlace[] {
  const tensors = entries.map(([name, entry]) => placeTensor(name, entry, dataStart, path));
  tensors.sort((a, b) => a.offset - b.offset || a.bytes - b.bytes);
  let end = dataStart;
  for (const { name, offset, bytes } of tensors) {
    if (offset !== end) throw damaged(path, `tensor ${name} does not begin at the end of the previous one`);
    end += bytes;
  }
  if (end !== size) throw damaged(path, `its tensors end at byte ${end}, but the file has ${size} bytes`);
  return tensors;
}

function placeTensor(name: string, entry: unknown, dataStart: number, path: string): TensorPlace {
  const described = entryOf(entry, (what) => damaged(path, `tensor ${name}: ${what}`));
  const { dtype, shape, data_offsets: offsets } = described;
  const bytes = tensorBytes({ dtype, shape });
  if (bytes !== offsets[1] - offsets[0]) {
    throw damaged(path, `tensor ${name} of shape [${shape}] needs ${bytes} bytes, but its data_offsets are ${offsets}`);
  }
  return { name, dtype, shape, offset: dataStart + offsets[0], bytes };
}

function damaged(path: string, reason: string): HashbrookError {
  return new HashbrookError("checkpoint_damaged", `${path}: not a valid safetensors file: ${reason}`);
}

/** A list of sizes: whole numbers, 0 or more. */
function isShape(shape: readonly number[]): boolean {
  return shape.every((size) => Number.isSafeInteger(size) && size >= 0);
}
