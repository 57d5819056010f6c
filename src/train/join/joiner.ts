import { Batch, type BatchLayout } from "../../core/batch.js";
import { dateText } from "../../core/clock.js";
import type { JoinSpec } from "../../spec/compiled.js";
import type { RejectedRow } from "../rejects.js";
import type { DecodedBatch } from "../stream.js";
import { ClickIndex } from "./click-index.js";
import type { ClickMark, ClickSource } from "./click-stream.js";
import { StreamHead, type StreamHeadState, type TakeClick } from "./stream-head.js";

/** What became of impressions and clicks. */
export interface JoinCounts {
  /** Clicks that were in time for their stream. */
  readonly clicks: number;
  /** Impressions with a click. */
  readonly joined: number;
  /** Clicks of an id that had one already. */
  readonly duplicates: number;
  /** Clicks that came behind ones newer than they by more than the lateness: they count for nothing. */
  readonly late: number;
}

/** A join between two batches: a pure function of the impressions and the clicks before it. Plain JSON, part of every checkpoint. */
export interface JoinState extends JoinCounts {
  readonly sources: readonly string[];
  /** Where to read each stream from to have the index again, and how far it was read. */
  readonly streams: readonly StreamHeadState[];
  /** Clicks that are older belong to no impression to come. */
  readonly floor: number | null;
  /** The oldest impressions of the last batches. */
  readonly oldest: readonly number[];
}

/** Batches within which impressions of all partitions come: none to come is older than the oldest of these, but for the lateness. */
const LAGGING_BATCHES = 16;

/**
 * Labels impressions by clicks: "index the rare stream" (the interval join of stream processors, inside the trainer). Clicks are
 * read into an index just as far as a batch needs them: until every stream has told a click newer than the batch's newest
 * impression plus window and lateness, or has ended. Which clicks are late follows from their own stream alone. So the labels
 * depend on the two streams, not on which of them is faster, nor on where a run was killed and resumed.
 */
export class Joiner {
  private readonly spec: JoinSpec;
  private readonly layout: BatchLayout;
  private readonly source: ClickSource;
  private readonly heads: readonly StreamHead[];
  private readonly index: ClickIndex;
  private counts: { -readonly [Name in keyof JoinCounts]: number };
  private floor: number;
  private oldest: readonly number[];
  private rejects: RejectedRow[] = [];
  private replay: readonly ClickMark[] = [];
  private marks: ClickMark[] = [];
  /** Why no impression can be labelled now; null: they can. */
  stalled: string | null = null;

  private constructor(
    spec: JoinSpec,
    layout: BatchLayout,
    source: ClickSource,
    heads: StreamHead[],
    state: JoinState | null,
  ) {
    this.spec = spec;
    this.layout = layout;
    this.source = source;
    this.heads = heads;
    this.index = new ClickIndex(heads.length);
    const { clicks = 0, joined = 0, duplicates = 0, late = 0 } = state ?? {};
    this.counts = { clicks, joined, duplicates, late };
    this.floor = state?.floor ?? Number.NEGATIVE_INFINITY;
    this.oldest = state?.oldest ?? [];
  }

  /** Opens the clicks, where a checkpoint was taken or at their beginning. */
  static async open(
    spec: JoinSpec,
    layout: BatchLayout,
    source: ClickSource,
    state: JoinState | null,
  ): Promise<Joiner> {
    const heads: StreamHead[] = [];
    for (let i = 0; i < source.streams; i++)
      heads.push(await StreamHead.open(source, i, spec.lateness, state?.streams[i] ?? null));
    const joiner = new Joiner(spec, layout, source, heads, state);
    await joiner.rebuild(state);
    return joiner;
  }

  /** Marks that were made after the checkpoint before: they are followed before any new one is made. */
  follow(replay: readonly ClickMark[]): void {
    this.replay = replay;
  }

  /**
   * The batch with its labels, and what its clicks' reading has refused and decided.
   * @param at messages of a topic before the batch; of files 0
   */
  async join(decoded: DecodedBatch, at: number): Promise<DecodedBatch> {
    const batch = new Batch(this.layout, decoded.rows, decoded.buffer, decoded.base);
    if (batch.rows > 0) await this.label(batch, at);
    const [rejects, marks] = [this.rejects, this.marks];
    [this.rejects, this.marks] = [[], []];
    return {
      ...decoded,
      rejects: [...decoded.rejects, ...rejects],
      decisions: [...decoded.decisions, ...marks],
      join: this.state,
    };
  }

  get state(): JoinState {
    const { counts, floor, oldest, heads, source } = this;
    const known = Number.isFinite(floor) ? floor : null;
    return { ...counts, sources: source.fingerprints, streams: heads.map(({ state }) => state), floor: known, oldest };
  }

  close(): Promise<void> {
    return this.source.close();
  }

  private async label(batch: Batch, at: number): Promise<void> {
    const { times, labels } = batch;
    const { window, skew } = this.spec;
    const newest = times.reduce((newest, time) => Math.max(newest, time), Number.NEGATIVE_INFINITY);
    await this.repeat(at);
    await this.readUntil(newest + window, at);
    const ids = batch.idHalves;
    let joined = 0;
    for (let row = 0; row < batch.rows; row++) {
      const clicked = this.index.has(ids[2 * row], ids[2 * row + 1], times[row] - skew, times[row] + window);
      labels[row] = Number(clicked);
      joined += Number(clicked);
    }
    this.counts.joined += joined;
    this.forget(times.reduce((oldest, time) => Math.min(oldest, time), Number.POSITIVE_INFINITY));
  }

  /** Makes the marks that a run before made at this place. */
  private async repeat(at: number): Promise<void> {
    for (const mark of this.replay.filter((one) => one.at === at)) {
      await this.heads[mark.partition]?.readTo(mark.clicks, this.taker(mark.partition));
      this.heads[mark.partition]?.mark(mark.time);
    }
  }

  /** Reads every stream on until no click to come that is in time can be of `time` or before. */
  private async readUntil(time: number, at: number): Promise<void> {
    for (;;) {
      const quiet: number[] = [];
      for (const [stream, head] of this.heads.entries()) {
        if (!(await head.readUntil(time, this.taker(stream)))) quiet.push(stream);
        this.rejects.push(...head.takeRejects());
      }
      this.stalled = null;
      if (quiet.length === 0) return;
      if (quiet.length < this.heads.length) this.passOver(quiet, time, at);
      else this.stalled = `join_stalled: no click newer than ${dateText(time + this.spec.lateness)} has come`;
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

  private taker(stream: number): TakeClick {
    return (low, high, time, late) => this.take(stream, low, high, time, late);
  }

  private take(stream: number, low: number, high: number, time: number, late: boolean): void {
    const { counts } = this;
    if (late) counts.late++;
    else {
      counts.clicks++;
      counts.duplicates += Number(this.index.add(stream, low, high, time));
    }
  }

  /** Gives up clicks that are older than any impression to come. */
  private forget(oldest: number): void {
    const { lateness, skew } = this.spec;
    this.oldest = [...this.oldest, oldest].slice(-LAGGING_BATCHES);
    this.floor = Math.max(this.floor, Math.min(...this.oldest) - lateness - skew);
    this.evict();
  }

  private evict(): void {
    for (const [stream, head] of this.heads.entries()) head.forget(this.index.evict(stream, this.floor));
  }

  /** Reads what was in the index once more. */
  private async rebuild(state: JoinState | null): Promise<void> {
    if (!state) return;
    for (const [stream, head] of this.heads.entries()) {
      const { before, clicks } = state.streams[stream] ?? { before: 0, clicks: 0 };
      await head.readTo(before + clicks, (low, high, time, late) => {
        if (!late) this.index.add(stream, low, high, time);
      });
    }
    this.evict();
  }
}
