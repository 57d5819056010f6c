import { dateText } from "../../core/clock.js";
import type { JoinSpec } from "../../spec/compiled.js";
import type { RejectedRow } from "../rejects.js";
import { ClickIndex } from "./click-index.js";
import type { ClickMark, ClickSource } from "./click-stream.js";
import { StreamHead, type StreamHeadState, type TakeClick } from "./stream-head.js";
import { Unclaimed } from "./unclaimed.js";
import { type UnusedLabel, unusedOf } from "./unused-label.js";

/** How far clicks were read, and what became of them. Plain JSON. */
export interface ClickReaderState {
  readonly clicks: number;
  readonly duplicates: number;
  readonly late: number;
  readonly sources: readonly string[];
  /** Where to read each stream from to have the index again, and how far it was read. */
  readonly streams: readonly StreamHeadState[];
  /** Clicks that are older belong to no impression to come. */
  readonly floor: number | null;
  /** The oldest impressions of the last batches. */
  readonly oldest: readonly number[];
  /** Where unused clicks are kept: by stream a bit for each click in the index, in base64, 1 where an impression had it. */
  readonly claimed?: readonly string[];
  /** Where impressions are labelled by conversions that came after a click. */
  readonly conversions?: ClickReaderState;
  /** Where clicks belong to the last impression of their key: the impressions, read ahead. */
  readonly shown?: ClickReaderState;
}

/** What was refused, decided and left unused since it was told last. */
export interface Told {
  readonly rejects: readonly RejectedRow[];
  readonly marks: readonly ClickMark[];
  readonly unused: readonly UnusedLabel[];
}

/** What tells of impressions whether they are positive. */
export interface LabelReader {
  /** Why nothing more can be told of impressions now; null: it can. */
  readonly stalled: string | null;
  readonly state: ClickReaderState;
  /** Marks that were made after the checkpoint before: they are followed before any new one is made. */
  follow(replay: readonly ClickMark[]): void;
  /** Whether what makes an impression positive came until it was of an age, in ms. @param time the impression's */
  clicked(low: number, high: number, time: number, age: number): boolean;
  told(): Told;
  /**
   * Reads every stream on until nothing to come that is in time can be of `time` or before.
   * @param at messages of a topic of impressions until here; of files 0
   */
  readUntil(time: number, at: number): Promise<void>;
  /** Gives up what is older than any impression to come. @param oldest of the impressions looked up since the last call */
  forget(oldest: number): void;
  close(): Promise<void>;
}

/** Batches within which impressions of all partitions come: none to come is older than the oldest of these, but for the lateness. */
const LAGGING_BATCHES = 16;

/**
 * Clicks that impressions are looked up in. They are read into an index just as far as they are asked for; which are late follows from
 * their own stream alone. So what is found depends on the streams, not on which of them is faster, nor on where a run was killed.
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
  /** Why nothing more can be told of impressions now; null: it can. */
  stalled: string | null = null;
  /** What is read are impressions, behind the clicks: where all are quiet, these have told that the time is over. */
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

  /** Opens the clicks, where a checkpoint was taken or at their beginning. */
  static async open(spec: JoinSpec, source: ClickSource, state: ClickReaderState | null): Promise<ClickReader> {
    const heads: StreamHead[] = [];
    for (let i = 0; i < source.streams; i++)
      heads.push(await StreamHead.open(source, i, spec.lateness, state?.streams[i] ?? null));
    const reader = new ClickReader(spec, source, heads, state);
    await reader.rebuild(state);
    return reader;
  }

  /** The same of impressions, which are read ahead of those that are labelled. */
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

  /** When an impression was first clicked until it was of an age; NaN: never. */
  first(low: number, high: number, time: number, age: number): number {
    const [from, to] = [time - this.spec.skew, time + age];
    this.claim(low, high, from, to);
    return this.index.first(low, high, from, to);
  }

  /** Whether an id is there at a time from `from` to `to`. */
  has(low: number, high: number, from: number, to: number): boolean {
    this.claim(low, high, from, to);
    return this.index.has(low, high, from, to);
  }

  /** The first time behind another one at which an id is there; Infinity: there is none. */
  next(low: number, high: number, after: number): number {
    return this.index.next(low, high, after);
  }

  told(): Told {
    const { rejects, marks, unused } = this;
    [this.rejects, this.marks, this.unused] = [[], [], []];
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
        this.rejects.push(...head.takeRejects());
      }
      this.stalled = null;
      if (quiet.length === 0) return;
      if (quiet.length < this.heads.length || this.ahead) this.passOver(quiet, time, at);
      else this.stalled = `join_stalled: no click newer than ${dateText(time + this.spec.lateness)} has come`;
    }
  }

  forget(oldest: number): void {
    const { lateness, skew } = this.spec;
    this.oldest = [...this.oldest, oldest].slice(-LAGGING_BATCHES);
    this.floor = Math.max(this.floor, Math.min(...this.oldest) - lateness - skew);
    this.evict();
  }

  /** Makes the marks that a run before made at this place. */
  private async repeat(at: number): Promise<void> {
    const now = this.replay.filter((one) => one.at === at);
    if (now.length > 0) this.replay = this.replay.filter((one) => one.at !== at);
    for (const mark of now) {
      await this.heads[mark.partition]?.readTo(mark.clicks, this.taker(mark.partition));
      this.heads[mark.partition]?.mark(mark.time);
    }
  }

  /** Where others have told what a batch waits for, quiet streams have too: they have nothing to tell. */
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

  /** What an impression has is no orphan. */
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

  /** @returns why it labels nothing; null: it may */
  private take(stream: number, [low, high, time, late, texts]: Parameters<TakeClick>): UnusedLabel["reason"] | null {
    const { counts } = this;
    if (late) {
      counts.late++;
      return "late";
    }
    counts.clicks++;
    // A key is clicked as often as it is shown: only a click of the same time is the same one.
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

  /** Reads what was in the index once more. */
  private async rebuild(state: ClickReaderState | null): Promise<void> {
    if (!state) return;
    for (const [stream, head] of this.heads.entries()) {
      const { before, clicks } = state.streams[stream] ?? { before: 0, clicks: 0 };
      await head.readTo(before + clicks, (low, high, time, late, texts) => {
        if (!late) this.index.add(stream, low, high, time, this.unclaimed?.add(stream, texts ?? null));
      });
    }
    this.evict();
    // What had left by then was told then.
    this.unused = [];
    this.unclaimed?.restore(state.claimed);
  }
}
