import { HashbrookError } from "../core/errors.js";

/** A named tensor of a table's state, as a checkpoint stores it. */
export interface TableBlock {
  readonly name: string;
  readonly dtype: "U8" | "F32" | "F64";
  readonly shape: readonly number[];
  /** A view over the table's memory: copy or write it before the table learns again. */
  readonly data: Uint8Array;
}

export type SavedBlocks = ReadonlyMap<string, { readonly data: Uint8Array }>;

/**
 * A saved block's data.
 * @param fits what its number of bytes must be, or a predicate
 * @throws HashbrookError checkpoint_damaged
 */
export function savedBlock(blocks: SavedBlocks, name: string, fits: number | ((bytes: number) => boolean)): Uint8Array {
  const data = blocks.get(name)?.data;
  if (!data) throw new HashbrookError("checkpoint_damaged", `block ${name} is missing`);
  const { byteLength } = data;
  if (typeof fits === "number" ? byteLength === fits : fits(byteLength)) return data;
  throw new HashbrookError("checkpoint_damaged", `block ${name}: ${byteLength} bytes do not fit the table`);
}
