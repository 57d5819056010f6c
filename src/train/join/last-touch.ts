import type { CompiledSpec, JoinSpec } from "../../spec/compiled.js";
import type { ClickReader, ClickReaderState, Told } from "./click-reader.js";
import { PairedReaders } from "./paired-readers.js";

/** The join whose clicks are the impressions of a spec, by their key. */
export function ofImpressions({ events, label }: CompiledSpec, join: JoinSpec): JoinSpec {
  return { ...join, clicks: { events, id: null, key: label.key!, time: label.time! } };
}

/**
 * Clicks name no impression but a key, and belong to the last impression of that key before them (but for the skew). So impressions are
 * read once more, ahead of those that are labelled: an impression has the clicks between it and the next one of its key.
 */
export class LastTouch extends PairedReaders {
  private readonly skew: number;

  /** @param shown impressions, read ahead @param skew a click may be told to have come so long before its impression, in ms */
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

  /** What is wrong with impressions is told when they are learned. */
  protected toldOfSecond(): Told {
    return { ...this.second.told(), rejects: [], unused: [] };
  }

  async readUntil(time: number, at: number): Promise<void> {
    await this.clicks.readUntil(time, at);
    await this.second.readUntil(time + this.skew, at);
  }
}
