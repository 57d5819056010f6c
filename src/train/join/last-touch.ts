import type { CompiledSpec, JoinSpec } from "../../spec/compiled.js";
import type { ClickReader, ClickReaderState, LabelNews } from "./click-reader.js";
import { PairedReaders } from "./paired-readers.js";

/** The join in which a spec's impressions take the place of clicks, by their key. */
export function ofImpressions({ events, label }: CompiledSpec, join: JoinSpec): JoinSpec {
  return { ...join, clicks: { events, id: null, key: label.key!, time: label.time! } };
}

/**
 * Clicks that name a key instead of an impression, and belong to the last impression with that key before them (apart
 * from the skew). Impressions are therefore read a second time, ahead of those being labelled: an impression gets the
 * clicks between it and the next one of its key.
 */
export class LastTouch extends PairedReaders {
  private readonly skew: number;

  /**
   * @param shown impressions, read ahead
   * @param skew a click's time may be up to this much before its impression's, in ms
   */
  constructor(clicks: ClickReader, shown: ClickReader, skew: number) {
    super(clicks, shown);
    this.skew = skew;
  }

  get state(): ClickReaderState {
    return { ...this.clicks.state, shown: this.second.state };
  }

  clicked(low: number, high: number, time: number, age: number): boolean {
    return this.clicks.first(low, high, time, age) < this.second.next(low, high, time) - this.skew;
  }

  /** Problems with impressions are reported when they are learned. */
  protected newsOfSecond(): LabelNews {
    return { ...this.second.takeNews(), rejects: [], unused: [] };
  }

  async readUntil(time: number, at: number): Promise<void> {
    await this.clicks.readUntil(time, at);
    await this.second.readUntil(time + this.skew, at);
  }
}
