import { RowSet } from "./row-set.js";

/** One reader's place in a store's changes: what others have read it has still before it. */
export interface ChangeReader {
  /** How many rows changed since the last `take`; some of them may have been given up since. */
  readonly count: number;
  /** Numbers of the learned rows that changed since the last `take`, or since the reader was made: ascending. */
  take(): Uint32Array;
}

/** What a feed asks of its store. */
export interface ChangeSource {
  /** Begins to note which rows change. */
  track(): void;
  /** Rows noted since it was cleared, as the bits of a view; the caller clears it. */
  noted(): Uint32Array;
  /** Those of the rows, ascending, that are still there. */
  present(rows: Uint32Array): Uint32Array;
}

/** Which rows of a store change, told to any number of readers. Without one nothing is noted. */
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

  /** Hands what was noted to all readers. */
  private collect(): void {
    const noted = this.source.noted();
    for (const unread of this.unread) unread.add(noted);
    noted.fill(0);
  }
}
