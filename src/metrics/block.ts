import { HashbrookError } from "../core/errors.js";

/** A named tensor of state, as a checkpoint stores it (the same shape as the model's state blocks). */
export interface MetricBlock {
  readonly name: string;
  readonly dtype: "U8" | "U32" | "U64" | "F32" | "F64";
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** What a block must have: so many bytes, or any multiple of so many. */
export type Size = { readonly bytes: number } | { readonly each: number };

/** The bytes of any typed array. */
export function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/**
 * The data of block `name`.
 * @throws HashbrookError checkpoint_damaged when it is missing or of another size
 */
export function blockData(blocks: ReadonlyMap<string, MetricBlock>, name: string, size: Size): Uint8Array {
  const data = blocks.get(name)?.data;
  if (!data) throw new HashbrookError("checkpoint_damaged", `${name}: this block is missing`);
  const fits = "bytes" in size ? data.byteLength === size.bytes : data.byteLength % size.each === 0;
  if (!fits) throw new HashbrookError("checkpoint_damaged", `${name}: ${data.byteLength} bytes do not fit its shape`);
  return data;
}
