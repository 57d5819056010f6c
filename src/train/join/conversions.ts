import type { JoinSpec } from "../../spec/compiled.js";
import type { ClickReader, ClickReaderState, LabelReader } from "./click-reader.js";
import type { ClickMark } from "./click-stream.js";

/** The join whose clicks are the conversions of this one. */
export const ofConversions = (join: JoinSpec): JoinSpec => ({ ...join, clicks: join.conversions! });

/** What labels an impression is a conversion that came after a click on it: two readers, which are read alike. */
export class Conversions implements LabelReader {
  private readonly clicks: ClickReader;
  private readonly conversions: ClickReader;
  private readonly skew: number;

  /** @param skew a click may be told to be so much newer than its conversion, in ms */
  constructor(clicks: ClickReader, conversions: ClickReader, skew: number) {
    this.clicks = clicks;
    this.conversions = conversions;
    this.skew = skew;
  }

  get stalled(): string | null {
    return this.clicks.stalled ?? this.conversions.stalled;
  }

  get state(): ClickReaderState {
    return { ...this.clicks.state, conversions: this.conversions.state };
  }

  /** Streams of conversions are numbered behind those of clicks. */
  follow(replay: readonly ClickMark[]): void {
    const { streams } = this.clicks;
    this.clicks.follow(replay.filter(({ partition }) => partition < streams));
    const own = replay.filter(({ partition }) => partition >= streams);
    this.conversions.follow(own.map((mark) => ({ ...mark, partition: mark.partition - streams })));
  }

  has(low: number, high: number, from: number, to: number): boolean {
    const clicked = this.clicks.first(low, high, from, to);
    return this.conversions.has(low, high, clicked - this.skew, to);
  }

  told(): ReturnType<LabelReader["told"]> {
    const { streams } = this.clicks;
    const [clicks, own] = [this.clicks.told(), this.conversions.told()];
    const marks = own.marks.map((mark) => ({ ...mark, partition: mark.partition + streams }));
    const unused = own.unused.map((label) => ({ ...label, of: "conversions" as const }));
    return {
      rejects: [...clicks.rejects, ...own.rejects],
      marks: [...clicks.marks, ...marks],
      unused: [...clicks.unused, ...unused],
    };
  }

  async readUntil(time: number, at: number): Promise<void> {
    await this.clicks.readUntil(time, at);
    await this.conversions.readUntil(time, at);
  }

  forget(oldest: number): void {
    this.clicks.forget(oldest);
    this.conversions.forget(oldest);
  }

  async close(): Promise<void> {
    await this.clicks.close();
    await this.conversions.close();
  }
}
