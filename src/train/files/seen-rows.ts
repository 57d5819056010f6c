import type { Span } from "../../metrics/split.js";

/** Tracks which rows of the coming batches have been learned before. */
export class SeenRows {
  private spans: Span[] = [];
  private from: number | null = null;

  /** From row `row` of the current batch on, rows were (or were not) learned before. */
  begin(seen: boolean, row: number): void {
    this.close(row);
    this.from = seen ? row : null;
  }

  /** The seen rows of a batch that ends now with `rows` rows. */
  take(rows: number): readonly Span[] {
    this.close(rows);
    const { spans } = this;
    this.spans = [];
    if (this.from !== null) this.from = 0;
    return spans;
  }

  private close(row: number): void {
    if (this.from !== null && row > this.from) this.spans.push({ from: this.from, to: row });
  }
}
