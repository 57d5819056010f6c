/** Clicks of a stream in an index, in the order in which they leave it. */
interface Waiting {
  /** Number of clicks that have left. */
  gone: number;
  /** The texts of each; null: it need not be reported. */
  texts: (readonly string[] | null)[];
}

/** Texts of the clicks in an index that no impression has claimed so far. */
export class Unclaimed {
  private readonly streams: readonly Waiting[];

  constructor(streams: number) {
    this.streams = Array.from({ length: streams }, () => ({ gone: 0, texts: [] }));
  }

  /** Adds the newest click of a stream. @returns its tag */
  add(stream: number, texts: readonly string[] | null): number {
    const { gone, texts: all } = this.streams[stream];
    return (gone + all.push(texts) - 1) * this.streams.length + stream;
  }

  /** An impression claims a click. */
  claim(tag: number): void {
    const { gone, texts } = this.streams[tag % this.streams.length];
    texts[Math.floor(tag / this.streams.length) - gone] = null;
  }

  /** The oldest clicks of a stream leave the index. @returns the texts of those that no impression claimed */
  drop(stream: number, count: number): (readonly string[])[] {
    if (count === 0) return [];
    const waiting = this.streams[stream];
    waiting.gone += count;
    return waiting.texts.splice(0, count).filter((texts) => texts !== null);
  }

  /** By stream a bit per click, in base64: 1 if an impression claimed it. */
  get state(): readonly string[] {
    return this.streams.map(({ texts }) => {
      const bits = new Uint8Array(Math.ceil(texts.length / 8));
      texts.forEach((text, i) => {
        if (text === null) bits[i >> 3] |= 1 << (i & 7);
      });
      return Buffer.from(bits).toString("base64");
    });
  }

  /** Restores the claims of clicks that were added again. @param state absent: unknown, so none is reported */
  restore(state: readonly string[] | undefined): void {
    for (const [stream, { texts }] of this.streams.entries()) {
      const bits = state?.[stream] === undefined ? null : Buffer.from(state[stream], "base64");
      for (let i = 0; i < texts.length; i++) if (!bits || bits[i >> 3] & (1 << (i & 7))) texts[i] = null;
    }
  }
}
