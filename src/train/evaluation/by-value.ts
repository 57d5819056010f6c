import type { Batch } from "../../core/batch.js";
import { keptRows } from "../../decode/kept-rows.js";
import { logistic, sigmoid } from "../../metrics/kernel.js";
import { type BinnedQuality, ScoreTotals } from "../../metrics/score-totals.js";

/** The field by which eval breaks its metrics down. */
export interface BySpec {
  /** As requested. */
  readonly field: string;
  /** Number of values reported individually. */
  readonly top: number;
  /** Texts kept per row, its own being the first. Default 1. */
  readonly columns?: number;
}

/** Quality by value of a field and by bin of the raw probability. */
export interface ByReport {
  /** The field. */
  readonly field: string;
  /** The values with the most events, in descending order. */
  readonly values: readonly (BinnedQuality & { readonly value: string })[];
  /** All other values together; null: there are none. */
  readonly rest: BinnedQuality | null;
  /** Number of values that were distinguished: the first 1,000 that occurred. */
  readonly distinct: number;
  /** Bins with about equal numbers of events. */
  readonly bins: readonly (BinnedQuality & { readonly from: number; readonly to: number })[];
}

/** Most values that are distinguished: up to 80 KiB each. */
const MOST_VALUES = 1000;
const BINS = 10;
/** Bins consist of cells of the logit with this width, up to this far from zero. */
const WIDTH = 1 / 8;
const FARTHEST = 16;

/** Counts scored events by the value of a field, and by their score. */
export class QualityByValue {
  private readonly by: BySpec;
  private readonly calibrates: boolean;
  private readonly values = new Map<string, ScoreTotals>();
  private readonly others = new ScoreTotals();
  private readonly cells = new Map<number, ScoreTotals>();

  constructor(by: BySpec, calibrates: boolean) {
    this.by = by;
    this.calibrates = calibrates;
  }

  /** @param kept the rows' values, as the decoder kept them */
  add(logits: Float32Array, calibrated: Float32Array | undefined, batch: Batch, kept: Uint8Array): void {
    const { labels, weights } = batch;
    const raw = sigmoid(logits);
    const corrected = calibrated ? sigmoid(calibrated) : raw;
    let r = -1;
    for (const { rejected, values } of keptRows(kept, this.by.columns ?? 1)) {
      if (rejected !== null || !Number.isFinite(logits[++r])) continue;
      const scored = { logit: logits[r], p: raw[r], q: corrected[r], label: labels[r], weight: weights[r] };
      this.of(values[0].text).add(scored);
      const cell = Math.floor(Math.max(-FARTHEST, Math.min(FARTHEST, logits[r])) / WIDTH);
      this.cell(cell).add(scored);
    }
  }

  report(): ByReport {
    const { field, top } = this.by;
    const sorted = [...this.values].sort(([a, x], [b, y]) => y.events - x.events || (a < b ? -1 : 1));
    const rest = new ScoreTotals();
    for (const bins of [this.others, ...sorted.slice(top).map(([, bins]) => bins)]) rest.include(bins);
    return {
      field,
      values: sorted.slice(0, top).map(([value, bins]) => ({ value, ...bins.quality(this.calibrates) })),
      rest: rest.events > 0 ? rest.quality(this.calibrates) : null,
      distinct: sorted.length,
      bins: this.bins(),
    };
  }

  private of(value: string): ScoreTotals {
    const known = this.values.get(value);
    if (known || this.values.size === MOST_VALUES) return known ?? this.others;
    const bins = new ScoreTotals();
    this.values.set(value, bins);
    return bins;
  }

  private cell(cell: number): ScoreTotals {
    const known = this.cells.get(cell) ?? new ScoreTotals();
    this.cells.set(cell, known);
    return known;
  }

  /** Merges neighbouring cells; a bin is full when it has its share of the events. */
  private bins(): ByReport["bins"] {
    const cells = [...this.cells].sort(([a], [b]) => a - b);
    const total = cells.reduce((sum, [, { events }]) => sum + events, 0);
    const bins: { first: number; last: number; sum: ScoreTotals }[] = [];
    let seen = 0;
    for (const [cell, counted] of cells) {
      const open = bins.at(-1);
      if (!open || seen >= (bins.length * total) / BINS) bins.push({ first: cell, last: cell, sum: new ScoreTotals() });
      const bin = bins.at(-1)!;
      bin.sum.include(counted);
      bin.last = cell;
      seen += counted.events;
    }
    return bins.map(({ first, last, sum }) => {
      const from = logistic(first * WIDTH);
      const to = logistic((last + 1) * WIDTH);
      return { from, to, ...sum.quality(this.calibrates) };
    });
  }
}
