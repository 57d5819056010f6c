import { type Block, type SavedBlocks, savedBlock } from "../core/blocks.js";
import { RowStore, type StoreOptions } from "./row-store.js";
import type { StoreSpec } from "./spec.js";

/**
 * One row for every distinct 64-bit key, in order of creation; grows, or stays within its budget. The place of a
 * removed row is taken by the last row or by a new one. A checkpoint holds the raw rows [key u64][state f32…]; the
 * index is rebuilt from their keys.
 */
export class ExactStore extends RowStore {
  /** @param keyed false if its keys are row numbers of a hash table */
  constructor(spec: StoreSpec, options: StoreOptions, keyed = true) {
    super(spec, options, keyed, true);
  }

  get rowsBlock(): string {
    return this.blockName("rows");
  }

  isKey(_key: bigint): boolean {
    return true;
  }

  present(rows: Uint32Array): Uint32Array {
    let { length } = rows;
    while (length > 0 && rows[length - 1] >= this.rows) length--;
    return rows.subarray(0, length);
  }

  protected get end(): number {
    return this.rows;
  }

  protected get remedy(): string {
    return "use encoding: hash with a fixed number of rows";
  }

  protected rowBlocks(): Block[] {
    const shape = [this.rows, this.layout.stride];
    return [{ name: this.rowsBlock, dtype: "U8", shape, data: this.rowBytes(this.rows) }];
  }

  restoreRows(blocks: SavedBlocks): void {
    const { stride } = this.layout;
    const saved = savedBlock(blocks, this.blockName("rows"), { each: stride });
    const count = saved.bytes / stride;
    this.reserve(Math.max(0, count - this.rows));
    saved.copyTo(this.rowBytes(count));
    this.kernel.adoptRows(count);
  }

  keyOf(row: number): bigint {
    const at = (this.kernel.rowsAddress() >>> 0) + row * this.layout.stride;
    return new DataView(this.memory.buffer).getBigUint64(at, true);
  }

  private rowBytes(count: number): Uint8Array {
    return this.view(this.kernel.rowsAddress(), count * this.layout.stride);
  }
}
