import { type Block, bytesOf, type SavedBlocks, savedNumbers } from "../core/blocks.js";

const BLOCK = "model/gradients";
/** Number of batches whose norms define what is usual. */
const NORMS = 63;
/** Before there are this many, FIRST is the limit: some five times the norm of first batches. */
const FEW = 5;
const FIRST = 1;
/** A norm is wild if it exceeds the usual one by this factor. */
const WILD = 10;
/** f64 before the norms: batches clipped, and the position of the next norm. */
const HEAD = 2;

/** The norms: for the dense weights that of the mean gradient, for the tables' vectors the root mean square per event. */
export type BatchNorms = readonly [dense: number, vectors: number];

/**
 * Limits what one batch, and so one record, can add to the optimizers' sums of squares, which persist. A gradient's norm is
 * limited to ten times the median of the last 63 batches' (unclipped) norms, but never below 10 / sqrt(rows), which one event
 * of ordinary weight may reach.
 */
export class WildGradients {
  /** Batches whose gradients were scaled down. */
  clipped = 0;
  private next = 0;
  /** [dense, vectors] of the last batches, in a ring: `next` is overwritten next. */
  private norms: BatchNorms[] = [];

  /** The factor for a batch's gradients, normally 1; counts the batch. */
  factor(norms: BatchNorms, rows: number): number {
    const isUsual = norms.every((norm, i) => this.isUsual(norm, i, rows));
    const factor = isUsual ? 1 : Math.min(1, ...norms.map((norm, i) => this.limit(i, rows) / norm));
    this.norms[this.next] = norms;
    this.next = (this.next + 1) % NORMS;
    if (factor < 1) this.clipped++;
    return Math.fround(factor);
  }

  blocks(): Block[] {
    const state = Float64Array.from([this.clipped, this.next, ...this.norms.flat()]);
    return [{ name: BLOCK, dtype: "F64", shape: [state.length], data: bytesOf(state) }];
  }

  /** Older checkpoints have none: what is usual is learned again. */
  restore(blocks: SavedBlocks): void {
    if (!blocks.has(BLOCK)) return;
    const state = savedNumbers(blocks, BLOCK, { each: 16 });
    [this.clipped, this.next] = state;
    this.norms = Array.from({ length: (state.length - HEAD) / 2 }, (_, i) => [
      state[HEAD + 2 * i],
      state[HEAD + 2 * i + 1],
    ]);
  }

  /**
   * Whether a norm is within the limit; decided without sorting if it is so low that the median does not matter, or if half of
   * the norms are large enough.
   */
  private isUsual(norm: number, i: number, rows: number): boolean {
    if (this.norms.length < FEW) return norm <= FIRST;
    if (norm <= WILD * (1 / Math.sqrt(rows))) return true;
    let enough = 0;
    for (const norms of this.norms) if (WILD * norms[i] >= norm) enough++;
    return enough >= this.norms.length - ((this.norms.length - 1) >> 1);
  }

  private limit(i: number, rows: number): number {
    if (this.norms.length < FEW) return FIRST;
    const sorted = this.norms.map((norms) => norms[i]).sort((a, b) => a - b);
    return WILD * Math.max(1 / Math.sqrt(rows), sorted[(sorted.length - 1) >> 1]);
  }
}
