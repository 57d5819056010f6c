import { type Block, bytesOf, type SavedBlocks, savedNumbers } from "../core/blocks.js";

const BLOCK = "model/gradients";
/** Batches whose norms tell what is usual. */
const NORMS = 63;
/** They do not before there are so many; until then this is the largest norm, some five times what first batches have. */
const FEW = 5;
const FIRST = 1;
/** So many times the usual norm is wild. */
const WILD = 10;
/** f64 in front of the norms: batches clipped, and where the next norm goes. */
const HEAD = 2;

/** What is measured: of the dense weights the norm of the mean gradient, of the tables' vectors the root of an event's mean square. */
export type BatchNorms = readonly [dense: number, vectors: number];

/**
 * Bounds what one batch, and so one record, brings to the optimizers' sums of squares, which remember it for long. A gradient's norm is held
 * to ten times the median of the last 63 batches' (each as it was), but never below 10 / sqrt(rows): one event of ordinary weight may
 * bring it there.
 */
export class WildGradients {
  /** Batches whose gradients were made smaller. */
  clipped = 0;
  private next = 0;
  /** [dense, vectors] of the last batches, oldest anywhere: `next` is overwritten next. */
  private norms: BatchNorms[] = [];

  /** What a batch's gradients are to be multiplied by, 1 as a rule; counts the batch. */
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

  /** Checkpoints of old have none: what is usual is learned anew. */
  restore(blocks: SavedBlocks): void {
    if (!blocks.has(BLOCK)) return;
    const state = savedNumbers(blocks, BLOCK, { each: 16 });
    [this.clipped, this.next] = state;
    this.norms = Array.from({ length: (state.length - HEAD) / 2 }, (_, i) => [
      state[HEAD + 2 * i],
      state[HEAD + 2 * i + 1],
    ]);
  }

  /** Whether a norm is at most the limit: told without sorting where it is so low as to need no median, or where half the norms are large enough. */
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
