import { Batch, type BatchLayout } from "../../core/batch.js";
import type { JoinSpec } from "../../spec/compiled.js";
import type { DecodedBatch, RejectedRow } from "../stream.js";
import { ClickIndex } from "./click-index.js";
import type { ClickSource } from "./click-stream.js";
import { StreamHead, type StreamHeadState } from "./stream-head.js";

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

  /** The batch with its labels, and what its clicks' reading has refused. */
  async join(decoded: DecodedBatch): Promise<DecodedBatch> {
    const batch = new Batch(this.layout, decoded.rows, decoded.buffer, decoded.base);
    if (batch.rows > 0) await this.label(batch);
    const rejects = this.rejects.length > 0 ? [...decoded.rejects, ...this.rejects] : decoded.rejects;
    this.rejects = [];
    return { ...decoded, rejects, join: this.state };
  }

  get state(): JoinState {
    const { counts, floor, oldest, heads, source } = this;
    const known = Number.isFinite(floor) ? floor : null;
    return { ...counts, sources: source.fingerprints, streams: heads.map(({ state }) => state), floor: known, oldest };
  }

  async close(): Promise<void> {
    for (const head of this.heads) await head.close();
  }

  private async label(batch: Batch): Promise<void> {
    const { times, labels } = batch;
    const { window, skew } = this.spec;
    await this.readUntil(times.reduce((newest, time) => Math.max(newest, time), Number.NEGATIVE_INFINITY) + window);
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

  /** Reads every stream on until no click to come that is in time can be of `time` or before. */
  private async readUntil(time: number): Promise<void> {
    for (const [stream, head] of this.heads.entries()) {
      await head.readUntil(time, (low, high, at, late) => this.take(stream, low, high, at, late));
      this.rejects.push(...head.takeRejects());
    }
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
      await head.readAgain((low, high, time, late) => {
        if (!late) this.index.add(stream, low, high, time);
      });
    }
    this.evict();
  }
}
