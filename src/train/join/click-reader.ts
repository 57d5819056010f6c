import { dateText } from "../../core/clock.js";
import type { JoinSpec } from "../../spec/compiled.js";
import type { RejectedRow } from "../rejects/rejects.js";
import { ClickIndex } from "./click-index.js";
import type { ClickMark, ClickSource } from "./click-stream.js";
import { StreamHead, type StreamHeadState, type TakeClick } from "./stream-head.js";
import { Unclaimed } from "./unclaimed.js";
import { type UnusedLabel, unusedOf } from "./unused-label.js";

/** How far clicks were read, and the resulting counts. Plain JSON. */
export interface ClickReaderState {
  readonly clicks: number;
  readonly duplicates: number;
  readonly late: number;
  readonly sources: readonly string[];
  /** For each stream, where to start reading to rebuild the index, and how far it was read. */
  readonly streams: readonly StreamHeadState[];
  /** Older clicks cannot belong to a future impression. */
  readonly floor: number | null;
  /** Times of the oldest impressions of the last batches. */
  readonly oldest: readonly number[];
  /**
   * If unused clicks are kept: for each stream a bit per click in the index, in base64, 1 if an impression claimed it.
   */
  readonly claimed?: readonly string[];
  /** If impressions are labelled by conversions that came after a click. */
  readonly conversions?: ClickReaderState;
  /** If clicks belong to the last impression of their key: the impressions, read ahead. */
  readonly shown?: ClickReaderState;
}

/** What was rejected, decided by the clock and left unused since the last call of `takeNews`. */
export interface LabelNews {
  readonly rejects: readonly RejectedRow[];
  readonly marks: readonly ClickMark[];
  readonly unused: readonly UnusedLabel[];
}

/** Decides which impressions are positive. */
export interface LabelReader {
  /** Why no impression can be labelled now; null: they can. */
  readonly stalled: string | null;
  readonly state: ClickReaderState;
  /** Marks made after the last checkpoint of an earlier run: they are repeated before any new one is made. */
  follow(replay: readonly ClickMark[]): void;
  /** Whether an impression became positive by a certain age, in ms. @param time the impression's */
  clicked(low: number, high: number, time: number, age: number): boolean;
  takeNews(): LabelNews;
  /**
   * Reads every stream until none can bring an event in time with a time of `time` or before.
   * @param at for a topic of impressions, messages read so far; for files 0
   */
  readUntil(time: number, at: number): Promise<void>;
  /**
   * Removes what is older than any future impression.
   * @param oldest of the impressions looked up since the last call
   */
  forget(oldest: number): void;
  close(): Promise<void>;
}

/**
 * Impressions of all partitions arrive within this many batches: apart from the lateness, no future one is older than
 * the oldest of these.
 */
const LAGGING_BATCHES = 16;

/**
 * The clicks in which impressions are looked up. They are read into an index just as far as needed; which are late
 * depends on their own stream alone. So the result depends neither on which stream is faster, nor on where a run was
 * killed.
 */
export class ClickReader implements LabelReader {
  private readonly spec: JoinSpec;
  private readonly source: ClickSource;
  private readonly heads: readonly StreamHead[];
  private readonly index: ClickIndex;
  private readonly unclaimed: Unclaimed | null;
  private readonly counts: { clicks: number; duplicates: number; late: number };
  private floor: number;
  private oldest: readonly number[];
  private rejects: RejectedRow[] = [];
  private replay: readonly ClickMark[] = [];
  private marks: ClickMark[] = [];
  private unused: UnusedLabel[] = [];
  /** Why no impression can be labelled now; null: they can. */
  stalled: string | null = null;
  /** True for impressions read ahead of the clicks: if all streams are quiet, their time counts as over. */
  private ahead = false;

  private constructor(spec: JoinSpec, source: ClickSource, heads: StreamHead[], state: ClickReaderState | null) {
    this.spec = spec;
    this.source = source;
    this.heads = heads;
    this.unclaimed = source.keeps ? new Unclaimed(heads.length) : null;
    this.index = new ClickIndex(heads.length, source.keeps);
    const { clicks = 0, duplicates = 0, late = 0 } = state ?? {};
    this.counts = { clicks, duplicates, late };
    this.floor = state?.floor ?? Number.NEGATIVE_INFINITY;
    this.oldest = state?.oldest ?? [];
  }

  /** Opens the clicks at a checkpoint's state, or at their beginning. */
  static async open(spec: JoinSpec, source: ClickSource, state: ClickReaderState | null): Promise<ClickReader> {
    const heads: StreamHead[] = [];
    for (let i = 0; i < source.streams; i++)
      heads.push(await StreamHead.open(source, i, spec.lateness, state?.streams[i] ?? null));
    const reader = new ClickReader(spec, source, heads, state);
    await reader.rebuild(state);
    return reader;
  }

  /** As `open`, for impressions, which are read ahead of those being labelled. */
  static async openAhead(...args: Parameters<typeof ClickReader.open>): Promise<ClickReader> {
    const reader = await ClickReader.open(...args);
    reader.ahead = true;
    return reader;
  }

  get streams(): number {
    return this.heads.length;
  }

  follow(replay: readonly ClickMark[]): void {
    this.replay = replay;
  }

  get state(): ClickReaderState {
    const { counts, floor, oldest, heads, source, unclaimed } = this;
    const known = Number.isFinite(floor) ? floor : null;
    const streams = heads.map(({ state }) => state);
    const claimed = unclaimed && { claimed: unclaimed.state };
    return { ...counts, sources: source.fingerprints, streams, ...claimed, floor: known, oldest };
  }

  clicked(low: number, high: number, time: number, age: number): boolean {
    return this.has(low, high, time - this.spec.skew, time + age);
  }

  /** When an impression was first clicked up to an age; NaN: never. */
  first(low: number, high: number, time: number, age: number): number {
    const from = time - this.spec.skew;
    const to = time + age;
    this.claim(low, high, from, to);
    return this.index.first(low, high, from, to);
  }

  /** Whether an id occurs between times `from` and `to`. */
  has(low: number, high: number, from: number, to: number): boolean {
    this.claim(low, high, from, to);
    return this.index.has(low, high, from, to);
  }

  /** The first time after another one at which an id occurs; Infinity: there is none. */
  next(low: number, high: number, after: number): number {
    return this.index.next(low, high, after);
  }

  takeNews(): LabelNews {
    const { rejects, marks, unused } = this;
    this.rejects = [];
    this.marks = [];
    this.unused = [];
    return { rejects, marks, unused };
  }

  close(): Promise<void> {
    return this.source.close();
  }

  async readUntil(time: number, at: number): Promise<void> {
    await this.repeat(at);
    for (;;) {
      const quiet: number[] = [];
      for (const [stream, head] of this.heads.entries()) {
        if (!(await head.readUntil(time, this.taker(stream)))) quiet.push(stream);
        for (const row of head.takeRejects()) this.rejects.push(row);
      }
      this.stalled = null;
      if (quiet.length === 0) return;
      if (quiet.length < this.heads.length || this.ahead) this.passOver(quiet, time, at);
      else this.stalled = `join_stalled: no click newer than ${dateText(time + this.spec.lateness)} has arrived`;
    }
  }

  forget(oldest: number): void {
    const { lateness, skew } = this.spec;
    this.oldest = [...this.oldest, oldest].slice(-LAGGING_BATCHES);
    this.floor = Math.max(this.floor, Math.min(...this.oldest) - lateness - skew);
    this.evict();
  }

  /** Repeats the marks that an earlier run made at this point. */
  private async repeat(at: number): Promise<void> {
    const now = this.replay.filter((one) => one.at === at);
    if (now.length > 0) this.replay = this.replay.filter((one) => one.at !== at);
    for (const mark of now) {
      await this.heads[mark.partition]?.readTo(mark.clicks, this.taker(mark.partition));
      this.heads[mark.partition]?.mark(mark.time);
    }
  }

  /** Once other streams are far enough for a batch, quiet ones are treated as being so, too. */
  private passOver(quiet: readonly number[], time: number, at: number): void {
    for (const partition of quiet) {
      const head = this.heads[partition];
      const mark = {
        kind: "mark",
        at,
        partition,
        clicks: head.read,
        time: Math.floor(time) + this.spec.lateness + 1,
      } as const;
      head.mark(mark.time);
      this.marks.push(mark);
    }
  }

  /** A click of an impression is not an orphan. */
  private claim(low: number, high: number, from: number, to: number): void {
    const { unclaimed, index } = this;
    if (unclaimed) index.claim(low, high, [from, to], (tag) => unclaimed.claim(tag));
  }

  private taker(stream: number): TakeClick {
    return (low, high, time, late, texts) => {
      const reason = this.take(stream, [low, high, time, late, texts]);
      if (reason && texts) this.unused.push(unusedOf(this.spec, reason, texts, stream));
    };
  }

  /** @returns why it labels nothing; null: it may label something */
  private take(stream: number, [low, high, time, late, texts]: Parameters<TakeClick>): UnusedLabel["reason"] | null {
    const { counts } = this;
    if (late) {
      counts.late++;
      return "late";
    }
    counts.clicks++;
    // A key is clicked as often as it is shown: only a click with the same time is a repetition.
    const same = !this.spec.clicks.key || this.index.has(low, high, time, time);
    const tag = this.unclaimed?.add(stream, texts ?? null);
    if (!this.index.add(stream, low, high, time, tag) || !same) return null;
    counts.duplicates++;
    if (tag !== undefined) this.unclaimed?.claim(tag);
    return "repeated";
  }

  private evict(): void {
    for (const [stream, head] of this.heads.entries()) {
      const count = this.index.evict(stream, this.floor);
      head.forget(count);
      for (const texts of this.unclaimed?.drop(stream, count) ?? [])
        this.unused.push(unusedOf(this.spec, "orphan", texts, stream));
    }
  }

  /** Reads again what was in the index. */
  private async rebuild(state: ClickReaderState | null): Promise<void> {
    if (!state) return;
    for (const [stream, head] of this.heads.entries()) {
      const { before, clicks } = state.streams[stream] ?? { before: 0, clicks: 0 };
      await head.readTo(before + clicks, (low, high, time, late, texts) => {
        if (!late) this.index.add(stream, low, high, time, this.unclaimed?.add(stream, texts ?? null));
      });
    }
    this.evict();
    // What had left the index by then was reported then.
    this.unused = [];
    this.unclaimed?.restore(state.claimed);
  }
}
