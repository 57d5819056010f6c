import { dtypeBytes, type TensorSpec } from "../core/blocks.js";
import { type CheckpointDirectory, damaged, type StoredBlock } from "./checkpoint-directory.js";
import { CHUNK_BYTES } from "./manifest.js";
import { tensorBytes } from "./safetensors.js";

/** The tensor that lists a patch's changed rows: U32 [n], ascending. */
export function rowsName(block: string): string {
  return `${block}@rows`;
}

/** The tensor of those rows' contents: the block's dtype, [n, the block's shape but its first size…]. */
export function dataName(block: string): string {
  return `${block}@data`;
}

/** Bytes of one row (one entry along the first dimension) of a block. */
export function patchRowBytes({ dtype, shape }: TensorSpec): number {
  return shape.slice(1).reduce((product, size) => product * size, dtypeBytes[dtype]);
}

/** Overlays one directory's patch of a block on the block's bytes, which are given in order, piece by piece. */
export class PatchCursor {
  private readonly rows: Uint32Array;
  private readonly data: SequentialReader;
  private readonly stride: number;
  /** Index in `rows` of the first row not completely overlaid yet. */
  private next = 0;

  /**
   * @param spec the block with its shape after the patch
   * @param before the block before the patch; undefined: zeros of the same shape
   * @throws checkpoint_damaged if the patch does not fit, or lacks a row by which the block has grown
   */
  constructor(directory: CheckpointDirectory, spec: TensorSpec, before: TensorSpec | undefined) {
    const wrong = (reason: string) => damaged(directory.path, `the patch of ${spec.name} ${reason}`);
    const list = directory.find(rowsName(spec.name));
    const data = directory.find(dataName(spec.name));
    const [size, ...rest] = spec.shape;
    if (!list || !data || list.dtype !== "U32" || list.shape.length !== 1) throw wrong("has no rows or no data");
    if (data.dtype !== spec.dtype || `${data.shape}` !== `${[list.shape[0], ...rest]}`)
      throw wrong("has the wrong shape");
    if (before && (before.dtype !== spec.dtype || `${before.shape.slice(1)}` !== `${rest}`)) {
      throw wrong("does not match the block it changes");
    }
    this.stride = patchRowBytes(spec);
    this.rows = new Uint32Array(list.shape[0]);
    directory.readInto(list, new Uint8Array(this.rows.buffer));
    this.data = new SequentialReader(directory, data);
    const ascending = this.rows.every((row, i) => row < size && (i === 0 || row > this.rows[i - 1]));
    if (!ascending) throw wrong("names rows out of order or past the block's end");
    const grown = Math.max(0, size - (before?.shape[0] ?? size));
    if (grown > 0 && this.rows[this.rows.length - grown] !== size - grown) throw wrong("lacks rows that were added");
  }

  /** Overwrites the changed bytes of `target`, which holds the block's bytes from `at` on; `at` must not decrease. */
  overlay(target: Uint8Array, at: number): void {
    const { rows, stride } = this;
    const end = at + target.byteLength;
    for (; this.next < rows.length; this.next++) {
      const start = rows[this.next] * stride;
      const from = Math.max(start, at);
      const to = Math.min(start + stride, end);
      if (from < to) this.data.read(this.next * stride + (from - start), target.subarray(from - at, to - at));
      if (start + stride > end) return;
    }
  }
}

/** Reads a tensor's bytes at increasing positions; each 16 MiB is read and verified once. */
class SequentialReader {
  private readonly directory: CheckpointDirectory;
  private readonly block: StoredBlock;
  private readonly buffer: Uint8Array;
  private held = -1;

  constructor(directory: CheckpointDirectory, block: StoredBlock) {
    this.directory = directory;
    this.block = block;
    this.buffer = new Uint8Array(Math.min(block.bytes, CHUNK_BYTES));
  }

  read(from: number, target: Uint8Array): void {
    for (let done = 0; done < target.byteLength; ) {
      const at = from + done;
      const chunk = this.chunk(at - (at % CHUNK_BYTES));
      const piece = chunk.subarray(at % CHUNK_BYTES, (at % CHUNK_BYTES) + target.byteLength - done);
      target.set(piece, done);
      done += piece.byteLength;
    }
  }

  private chunk(at: number): Uint8Array {
    const { block } = this;
    const chunk = this.buffer.subarray(0, Math.min(CHUNK_BYTES, block.bytes - at));
    if (this.held !== at) this.directory.readChunks(block, at, at + chunk.byteLength, () => chunk);
    this.held = at;
    return chunk;
  }
}

/** A block of a chain: the newest complete one, overlaid with the patches of the increments since, oldest first. */
export class ChainBlock implements TensorSpec {
  readonly name: string;
  readonly dtype: TensorSpec["dtype"];
  readonly shape: readonly number[];
  readonly bytes: number;
  private readonly base: { directory: CheckpointDirectory; block: StoredBlock } | undefined;
  private readonly patches: readonly PatchCursor[];

  /**
   * For one pass over the block.
   * @param chain the newest directory first; each but the last builds on the one after it
   * @throws checkpoint_damaged
   */
  constructor(chain: readonly CheckpointDirectory[], spec: TensorSpec) {
    const { name } = spec;
    const depth = chain.findIndex((directory) => directory.find(name));
    const patched = depth < 0 ? chain : chain.slice(0, depth);
    const found = chain[depth]?.find(name);
    this.name = name;
    this.dtype = spec.dtype;
    this.shape = spec.shape;
    this.bytes = tensorBytes(spec);
    this.base = found && { directory: chain[depth], block: found };
    const specs = patched.map((directory) => patchOf(directory, name));
    this.patches = patched.map((directory, i) => new PatchCursor(directory, specs[i], specs[i + 1] ?? found)).reverse();
  }

  /**
   * Fills `target`, 16 MiB at most, with the bytes from `at` on (a multiple of 16 MiB, ascending from call to call).
   */
  fill(target: Uint8Array, at: number): void {
    const base = this.base;
    const held = base ? Math.max(0, Math.min(base.block.bytes - at, CHUNK_BYTES)) : 0;
    if (base && held > 0) {
      const fits = held <= target.byteLength;
      const chunk = fits ? target.subarray(0, held) : new Uint8Array(held);
      base.directory.readChunks(base.block, at, at + held, () => chunk);
      if (!fits) target.set(chunk.subarray(0, target.byteLength));
    }
    target.subarray(Math.min(held, target.byteLength)).fill(0);
    for (const patch of this.patches) patch.overlay(target, at);
  }

  /** The block's bytes, 16 MiB at a time; each piece reuses the previous one's memory. */
  *pieces(): Generator<Uint8Array> {
    const buffer = new Uint8Array(Math.min(this.bytes, CHUNK_BYTES));
    for (let at = 0; at < this.bytes; at += CHUNK_BYTES) {
      const piece = buffer.subarray(0, Math.min(CHUNK_BYTES, this.bytes - at));
      this.fill(piece, at);
      yield piece;
    }
  }
}

function patchOf({ manifest, path }: CheckpointDirectory, name: string): TensorSpec {
  const patch = manifest.patches?.find((candidate) => candidate.name === name);
  if (!patch || patch.shape.length === 0)
    throw damaged(path, `block ${name} is missing, but a newer increment changes it`);
  return patch;
}
