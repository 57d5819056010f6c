import { RowSet } from "./row-set.js";

/** One reader's position in a store's changes, independent of other readers. */
export interface ChangeReader {
  /** Number of rows changed since the last `take`; some may have been removed since. */
  readonly count: number;
  /** Numbers of the learned rows that changed since the last `take`, or since the reader was created: ascending. */
  take(): Uint32Array;
}

/** The store's side of a feed. */
export interface ChangeSource {
  /** Starts recording which rows change. */
  track(): void;
  /** Rows recorded since the last clearing, as a view of a bitmap; the caller clears it. */
  noted(): Uint32Array;
  /** Those of the rows, ascending, that still exist. */
  present(rows: Uint32Array): Uint32Array;
}

/** Reports the changed rows of a store to any number of readers. Without a reader nothing is recorded. */
export class ChangeFeed {
  private readonly source: ChangeSource;
  private readonly unread: RowSet[] = [];

  constructor(source: ChangeSource) {
    this.source = source;
  }

  reader(): ChangeReader {
    if (this.unread.length === 0) this.source.track();
    this.collect();
    const unread = new RowSet();
    this.unread.push(unread);
    const collected = () => {
      this.collect();
      return unread;
    };
    return {
      get count() {
        return collected().size;
      },
      take: () => this.source.present(collected().take()),
    };
  }

  /** Distributes what was recorded to all readers. */
  private collect(): void {
    const noted = this.source.noted();
    for (const unread of this.unread) unread.add(noted);
    noted.fill(0);
  }
}
