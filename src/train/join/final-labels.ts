import { appendRows, Batch, labelLayout } from "../../core/batch.js";
import type { DecodedBatch } from "../stream.js";

/** Final labels, in the order of the impressions: a batch without fields. */
export class FinalLabels {
  /** Impressions that were reported, or skipped. */
  reported: number;
  private batch: Batch;

  /** @param capacity largest number reported between two calls of `take` */
  constructor(capacity: number, reported: number) {
    const layout = labelLayout(capacity);
    this.batch = new Batch(layout, 0, new ArrayBuffer(layout.bytes));
    this.reported = reported;
  }

  /**
   * Adds the final labels of impressions not reported before.
   * @param first number of the first one
   * @param wanted whether to report the n-th impression
   * @param label the label of a row
   */
  report(batch: Batch, first: number, wanted: (n: number) => boolean, label: (row: number) => boolean): void {
    const rows = [...Array(batch.rows).keys()].filter((row) => first + row >= this.reported && wanted(first + row));
    const before = this.batch.rows;
    this.batch = appendRows(this.batch, batch, rows);
    for (const [i, row] of rows.entries()) this.batch.labels[before + i] = Number(label(row));
    this.reported = Math.max(this.reported, first + batch.rows);
  }

  /** What was added since the last call; null: nothing. */
  take(): NonNullable<DecodedBatch["settled"]> | null {
    const { batch } = this;
    const { rows } = batch;
    if (rows === 0) return null;
    this.batch = new Batch(batch.layout, 0, batch.buffer);
    const layout = labelLayout(rows);
    const copy = appendRows(new Batch(layout, 0, new ArrayBuffer(layout.bytes)), batch, [...Array(rows).keys()]);
    return { rows, buffer: copy.buffer };
  }
}
