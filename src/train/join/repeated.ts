import { type Batch, keepRows } from "../../core/batch.js";
import type { DedupWindow } from "../dedup.js";

/** Impressions with repeated ids, by number: they are learned only once, and skipped when read again. */
export class Repeated {
  private readonly window: DedupWindow | null;
  private readonly rows: Set<number>;

  /**
   * @param window null: every id counts as new
   * @param rows those that are read again
   */
  constructor(window: DedupWindow | null, rows: readonly number[] = []) {
    this.window = window;
    this.rows = new Set(rows);
  }

  /** The other rows of a batch. @param first its first row's number */
  rest(batch: Batch, first: number): Batch {
    const keep = this.window?.admit(batch.ids);
    if (!keep?.includes(0)) return batch;
    keep.forEach((fresh, row) => {
      if (!fresh) this.rows.add(first + row);
    });
    return keepRows(batch, keep);
  }

  has(row: number): boolean {
    return this.rows.has(row);
  }

  /** Rows before this one will not be read again. */
  forget(before: number): void {
    for (const row of this.rows) if (row < before) this.rows.delete(row);
  }

  /** In order. */
  get state(): readonly number[] {
    return [...this.rows];
  }
}
