import { HashbrookError } from "./errors.js";

/** Element types, by safetensors' names; bytes of one element. All little-endian. */
export const dtypeBytes = { U8: 1, I8: 1, F16: 2, U32: 4, I32: 4, F32: 4, U64: 8, I64: 8, F64: 8 } as const;

export type Dtype = keyof typeof dtypeBytes;

export interface TensorSpec {
  readonly name: string;
  readonly dtype: Dtype;
  /** Sizes from the slowest-moving to the fastest (row-major); `[]` is a scalar. */
  readonly shape: readonly number[];
}

/**
 * A named tensor of state, as a checkpoint stores it. Names are paths: "table/ids/rows", "dense/W0",
 * "metrics/model/totals". Models return views of their memory: copy or write them before learning continues.
 */
export interface Block extends TensorSpec {
  /**
   * The elements, row-major, little-endian; the length must match dtype and shape. Not a Buffer: its `slice` does not copy, and Node refuses
   * to transfer what small ones share.
   */
  readonly data: Uint8Array;
}

/** Blocks by name, to restore state from. */
export type SavedBlocks = ReadonlyMap<string, Pick<Block, "data">>;

/** Saved blocks in files, which are read on access. */
export interface FiledBlocks extends SavedBlocks {
  /** Bytes of a block's data; undefined if there is none of that name. */
  sizeOf(name: string): number | undefined;
  /**
   * Reads a block's data into memory of their size; if they are damaged, its content is undefined.
   * @throws HashbrookError checkpoint_damaged
   */
  readInto(name: string, target: Uint8Array): void;
}

/** A saved block whose data go to their place without a copy in between, which would double the memory that loading takes. */
export interface SavedBlock {
  readonly bytes: number;
  /** @throws HashbrookError checkpoint_damaged; the content of `target` is then undefined */
  copyTo(target: Uint8Array): void;
}

/** The required size of a block: an exact number of bytes, or a multiple of `each`. */
export type BlockSize = { readonly bytes: number } | { readonly each: number };

/** The bytes of any typed array: a view. */
export function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/**
 * The data of block `name`.
 * @throws HashbrookError checkpoint_damaged when it is missing or of another size
 */
export function savedBytes(blocks: SavedBlocks, name: string, size: BlockSize): Uint8Array {
  const data = blocks.get(name)?.data;
  checkSize(name, data?.byteLength, size);
  return data!;
}

/**
 * Block `name`, to be copied to its place.
 * @throws as `savedBytes`
 */
export function savedBlock(blocks: SavedBlocks, name: string, size: BlockSize): SavedBlock {
  if (isFiled(blocks)) {
    const bytes = checkSize(name, blocks.sizeOf(name), size);
    return { bytes, copyTo: (target) => blocks.readInto(name, target) };
  }
  const data = savedBytes(blocks, name, size);
  return { bytes: data.byteLength, copyTo: (target) => target.set(data) };
}

const isFiled = (blocks: SavedBlocks): blocks is FiledBlocks => "readInto" in blocks;

function checkSize(name: string, bytes: number | undefined, size: BlockSize): number {
  if (bytes === undefined) throw new HashbrookError("checkpoint_damaged", `block ${name} is missing`);
  if ("bytes" in size ? bytes === size.bytes : bytes % size.each === 0) return bytes;
  const wanted = "bytes" in size ? `${size.bytes}` : `a multiple of ${size.each}`;
  throw new HashbrookError("checkpoint_damaged", `block ${name} has ${bytes} bytes, not ${wanted}`);
}

/**
 * A copy of the f64 numbers of block `name`.
 * @throws as `savedBytes`
 */
export function savedNumbers(blocks: SavedBlocks, name: string, size: BlockSize): Float64Array<ArrayBuffer> {
  return new Float64Array(savedBytes(blocks, name, size).slice().buffer);
}
