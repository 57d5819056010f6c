import type { Block, SavedBlocks } from "../core/blocks.js";
import { ProgressiveMetrics, type ProgressiveOptions } from "./progressive.js";

/** Rows [from, to) of a batch. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/**
 * Progressive metrics of events that had never been learned, and separately those of events that had: scores of learned events
 * measure memorisation, not prediction.
 */
export class SplitMetrics {
  /** For events scored before they were first learned. */
  readonly fresh: ProgressiveMetrics;
  private again: ProgressiveMetrics | null = null;
  private readonly options: ProgressiveOptions;

  constructor(options: ProgressiveOptions) {
    this.options = options;
    this.fresh = new ProgressiveMetrics(options);
  }

  /** For events learned before; null if there were none. */
  get seen(): ProgressiveMetrics | null {
    return this.again;
  }

  /** Counts examples as `ProgressiveMetrics.add` does. @param seen the rows of events learned before, ascending */
  add(scores: Float32Array, labels: Float32Array, weights: Float32Array, seen: readonly Span[] = []): void {
    const part = (to: ProgressiveMetrics, a: number, b: number) =>
      b > a && to.add(scores.subarray(a, b), labels.subarray(a, b), weights.subarray(a, b));
    let at = 0;
    for (const { from, to } of seen) {
      part(this.fresh, at, from);
      this.again ??= new ProgressiveMetrics(this.options);
      part(this.again, from, to);
      at = to;
    }
    part(this.fresh, at, scores.length);
  }

  /** The state: `prefix`/…, and `prefix`-seen/… once there were such events. Views, as of `ProgressiveMetrics.blocks`. */
  blocks(prefix: string): Block[] {
    return [...this.fresh.blocks(prefix), ...(this.again?.blocks(`${prefix}-seen`) ?? [])];
  }

  /** @throws HashbrookError checkpoint_damaged when a block is missing or has the wrong size */
  restore(prefix: string, blocks: SavedBlocks): void {
    this.fresh.restore(prefix, blocks);
    if (!blocks.has(`${prefix}-seen/position`)) return;
    this.again = new ProgressiveMetrics(this.options);
    this.again.restore(`${prefix}-seen`, blocks);
  }
}
