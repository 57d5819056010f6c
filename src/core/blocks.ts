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
  if (!data) throw new HashbrookError("checkpoint_damaged", `block ${name} is missing`);
  const { byteLength } = data;
  if ("bytes" in size ? byteLength === size.bytes : byteLength % size.each === 0) return data;
  const wanted = "bytes" in size ? `${size.bytes}` : `a multiple of ${size.each}`;
  throw new HashbrookError("checkpoint_damaged", `block ${name} has ${byteLength} bytes, not ${wanted}`);
}

/**
 * A copy of the f64 numbers of block `name`.
 * @throws as `savedBytes`
 */
export function savedNumbers(blocks: SavedBlocks, name: string, size: BlockSize): Float64Array<ArrayBuffer> {
  return new Float64Array(savedBytes(blocks, name, size).slice().buffer);
}
