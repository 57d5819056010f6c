import type { JoinSpec } from "../../spec/compiled.js";
import type { ClickReader, ClickReaderState, LabelNews } from "./click-reader.js";
import { PairedReaders } from "./paired-readers.js";

/** The join in which this one's conversions take the place of clicks. */
export const ofConversions = (join: JoinSpec): JoinSpec => ({ ...join, clicks: join.conversions! });

/** Labels impressions by a conversion that came after a click: two readers, read in parallel. */
export class Conversions extends PairedReaders {
  private readonly skew: number;

  /** @param skew a click's time may be up to this much after its conversion's, in ms */
  constructor(clicks: ClickReader, conversions: ClickReader, skew: number) {
    super(clicks, conversions);
    this.skew = skew;
  }

  get state(): ClickReaderState {
    return { ...this.clicks.state, conversions: this.second.state };
  }

  clicked(low: number, high: number, time: number, age: number): boolean {
    const clicked = this.clicks.first(low, high, time, age);
    return this.second.has(low, high, clicked - this.skew, time + age);
  }

  protected newsOfSecond(): LabelNews {
    const news = this.second.takeNews();
    return { ...news, unused: news.unused.map((label) => ({ ...label, of: "conversions" as const })) };
  }

  async readUntil(time: number, at: number): Promise<void> {
    await this.clicks.readUntil(time, at);
    await this.second.readUntil(time, at);
  }
}
