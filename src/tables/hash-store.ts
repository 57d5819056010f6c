import { type Block, type SavedBlocks, savedBlock } from "../core/blocks.js";
import { RowStore, type StoreOptions } from "./row-store.js";
import type { StoreSpec } from "./spec.js";

/**
 * The hashing trick: a fixed number of rows, row = key mod rows; colliding keys share a row. A bitmap marks the rows
 * that were learned; the others still predict with their initial weights. Exported "keys" are row numbers.
 */
export class HashStore extends RowStore {
  constructor(spec: StoreSpec, options: StoreOptions) {
    super(spec, options, false, false);
  }

  get rowsBlock(): string {
    return this.blockName("state");
  }

  isKey(key: bigint): boolean {
    return key < BigInt(this.spec.rows);
  }

  present(rows: Uint32Array): Uint32Array {
    return rows.filter((row) => this.kernel.isTouched(row) === 1);
  }

  protected get end(): number {
    return this.capacity;
  }

  protected get remedy(): string {
    return "set fewer rows";
  }

  protected rowBlocks(): Block[] {
    this.kernel.settleMarks();
    const { precision, stateBytes } = this.layout;
    const state =
      precision === "f32"
        ? ({ dtype: "F32", shape: [this.capacity, stateBytes / 4] } as const)
        : ({ dtype: "U8", shape: [this.capacity, stateBytes] } as const);
    return [
      { name: this.rowsBlock, ...state, data: this.stateView() },
      { name: this.blockName("touched"), dtype: "U8", shape: [this.bitmapBytes()], data: this.bitmap() },
    ];
  }

  restoreRows(blocks: SavedBlocks): void {
    const state = savedBlock(blocks, this.blockName("state"), { bytes: this.capacity * this.layout.stateBytes });
    const touched = savedBlock(blocks, this.blockName("touched"), { bytes: this.bitmapBytes() });
    state.copyTo(this.stateView());
    touched.copyTo(this.bitmap());
    this.kernel.adoptBitmap();
  }

  keyOf(row: number): bigint {
    return BigInt(row);
  }

  private bitmapBytes(): number {
    return Math.ceil(this.capacity / 8);
  }

  private bitmap(): Uint8Array {
    return this.view(this.kernel.indexAddress(), this.bitmapBytes());
  }

  private stateView(): Uint8Array {
    return this.view(this.kernel.rowsAddress(), this.capacity * this.layout.stateBytes);
  }
}
