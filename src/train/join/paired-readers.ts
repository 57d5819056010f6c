import type { ClickReader, ClickReaderState, LabelNews, LabelReader } from "./click-reader.js";
import type { ClickMark } from "./click-stream.js";

/** Clicks and a second stream that is read in parallel; together they label impressions. */
export abstract class PairedReaders implements LabelReader {
  protected readonly clicks: ClickReader;
  protected readonly second: ClickReader;

  constructor(clicks: ClickReader, second: ClickReader) {
    this.clicks = clicks;
    this.second = second;
  }

  abstract get state(): ClickReaderState;

  abstract clicked(low: number, high: number, time: number, age: number): boolean;

  abstract readUntil(time: number, at: number): Promise<void>;

  get stalled(): string | null {
    return this.clicks.stalled ?? this.second.stalled;
  }

  /** Streams of the second reader are numbered after those of the clicks. */
  follow(replay: readonly ClickMark[]): void {
    const { streams } = this.clicks;
    this.clicks.follow(replay.filter(({ partition }) => partition < streams));
    const own = replay.filter(({ partition }) => partition >= streams);
    this.second.follow(own.map((mark) => ({ ...mark, partition: mark.partition - streams })));
  }

  /** What to report of the second reader. */
  protected abstract newsOfSecond(): LabelNews;

  takeNews(): LabelNews {
    const { streams } = this.clicks;
    const clicks = this.clicks.takeNews();
    const own = this.newsOfSecond();
    const marks = own.marks.map((mark) => ({ ...mark, partition: mark.partition + streams }));
    return {
      rejects: [...clicks.rejects, ...own.rejects],
      marks: [...clicks.marks, ...marks],
      unused: [...clicks.unused, ...own.unused],
    };
  }

  forget(oldest: number): void {
    this.clicks.forget(oldest);
    this.second.forget(oldest);
  }

  async close(): Promise<void> {
    await this.clicks.close();
    await this.second.close();
  }
}
