import { appendRows, Batch, type BatchLayout } from "../../core/batch.js";
import type { CorrectSpec, JoinSpec } from "../../spec/compiled.js";
import type { DedupWindow } from "../dedup.js";
import { messagesOf } from "../files/position.js";
import type { StreamPosition } from "../job.js";
import type { DecodedBatch } from "../stream.js";
import type { LabelReader } from "./click-reader.js";
import { FinalLabels } from "./final-labels.js";
import type { JoinState } from "./join-counts.js";
import { Repeated } from "./repeated.js";
import { type OpenImpressions, pieceRows, Tail, type TailState } from "./tail.js";

/** How far impressions were learned, corrected and settled. Plain JSON. */
export interface LateLabelsState {
  /** Impressions learned. */
  readonly rows: number;
  /** Those of them whose final label was reported. */
  readonly settled: number;
  /** The time up to which impressions were learned; null: none were. */
  readonly reached: number | null;
  /** Impressions that were learned as negatives, and later as positives. */
  readonly corrected: number;
  /** By age. */
  readonly tails: readonly TailState[];
  /** The files that tails read, from the first one that any of them needs; empty for a topic. */
  readonly files: readonly string[];
  /** For a topic: numbers of impressions with repeated ids; absent: none among those still to be read again. */
  readonly repeated?: readonly number[];
  /** For a topic: everything in it was learned. */
  readonly ended?: true;
}

/** The inputs of late labels. */
export interface LateLabelsOptions {
  readonly spec: JoinSpec;
  /** Layout of the batches to learn. */
  readonly layout: BatchLayout;
  /** Batches of impressions not yet learned, of the size that `wanted` returns. */
  readonly head: (wanted: () => number) => AsyncIterable<DecodedBatch>;
  /** Impressions from a position on, in pieces of half a batch. */
  readonly again: OpenImpressions;
  /** The files that `again` reads. Default: none. */
  readonly files?: () => readonly string[];
  /** Called with what is learned, and the tails' positions, before they continue reading. */
  readonly onLearned?: (decoded: DecodedBatch, tails: readonly StreamPosition[]) => void;
  /** Ids of earlier impressions, which are learned only once. Default: none, all are learned. */
  readonly dedup?: DedupWindow | null;
  readonly clicks: LabelReader;
  readonly state: JoinState | null;
  /** Where tails begin that have no state. */
  readonly start: StreamPosition;
  /** Events still to be learned; Infinity: all. */
  readonly limit: number;
  /** Whether all impressions were learned before. */
  readonly over: boolean;
}

/** Pieces per age that are processed before a batch: at least twice what a batch needs. */
const PIECES = 4;
/** A batch's time is this quantile of its impressions' times, so that a few fast clocks do not matter. */
const MOST = 0.95;

/**
 * Learns impressions at once, and again those that got a click: every age of the ladder reads the impressions once more
 * when they have reached it, and finds those whose first click came since the previous age. These corrections are
 * appended to the batch that is learned next. The last age yields the final labels, which scores wait for. Everything
 * depends only on the order and times of impressions and clicks.
 */
export class LateLabels {
  private readonly options: LateLabelsOptions;
  private readonly correct: CorrectSpec;
  private readonly tails: readonly Tail[];
  private pool: Batch;
  private readonly final: FinalLabels;
  private rows: number;
  private reached: number;
  private corrected: number;
  private joined: number;
  private left: number;
  /** Messages before the batch that is learned next. */
  private at: number;
  private readonly repeated: Repeated;
  private ended = false;

  constructor(options: LateLabelsOptions) {
    const { spec, state, layout, start } = options;
    const late = state?.late_labels;
    this.options = options;
    this.correct = spec.correct!;
    const { ages, wait } = this.correct;
    const begin = { rows: late?.rows ?? 0, position: start };
    this.tails = ages.map((age, i) => {
      const from = i === 0 ? (wait ?? -spec.skew - 1) : ages[i - 1];
      return new Tail([from, age], layout, options.again, late?.tails[i] ?? begin);
    });
    this.pool = new Batch(layout, 0, new ArrayBuffer(layout.bytes));
    this.final = new FinalLabels(layout.capacity * (1 + PIECES * ages.length), late?.settled ?? 0);
    this.rows = late?.rows ?? 0;
    this.reached = late?.reached ?? Number.NEGATIVE_INFINITY;
    this.corrected = late?.corrected ?? 0;
    this.joined = state?.joined ?? 0;
    this.left = options.limit;
    this.at = messagesOf(start);
    this.repeated = new Repeated(options.dedup ?? null, late?.repeated);
  }

  /** Corrections in this run so far. */
  get corrections(): number {
    return this.corrected - (this.options.state?.late_labels?.corrected ?? 0);
  }

  /** Batches to learn and, after the last impression, the labels of those still pending. */
  async *batches(): AsyncGenerator<DecodedBatch> {
    try {
      yield* this.allBatches();
    } finally {
      for (const tail of this.tails) await tail.close();
    }
  }

  private async *allBatches(): AsyncGenerator<DecodedBatch> {
    const { head, layout } = this.options;
    const batches = head(() => Math.min(layout.capacity, this.left) - this.pool.rows)[Symbol.asyncIterator]();
    let { over } = this.options;
    while (this.left > 0) {
      if (!over) await this.release();
      const { value, done } = await batches.next();
      if (done) return;
      yield await this.learned(value);
      over = value.epochs > 0;
      if (over) yield* this.end(value);
      if (over) return;
    }
  }

  private async learned(decoded: DecodedBatch): Promise<DecodedBatch> {
    const read = new Batch(this.options.layout, decoded.rows, decoded.buffer, decoded.base);
    const batch = this.repeated.rest(read, this.rows);
    if (batch.rows > 0) await this.label(batch);
    this.rows += read.rows;
    this.at = messagesOf(decoded.position);
    this.ended = "messages" in decoded.position && decoded.epochs > 0;
    const places = this.tails.map(({ state }) => state.position);
    this.options.onLearned?.(decoded, places);
    const { pool } = this;
    const all = appendRows(batch, pool, [...Array(pool.rows).keys()]);
    this.corrected += pool.rows;
    this.pool = new Batch(pool.layout, 0, pool.buffer);
    this.left -= all.rows;
    const repeated = read.rows - batch.rows;
    return this.handedOut({ ...decoded, rows: all.rows, corrections: pool.rows, ...(repeated > 0 && { repeated }) });
  }

  /** Adds the state after the batch, and the labels settled with it. */
  private handedOut(decoded: DecodedBatch): DecodedBatch {
    const { rejects, marks, unused } = this.options.clicks.takeNews();
    const settled = this.final.take();
    return {
      ...decoded,
      rejects: [...decoded.rejects, ...rejects],
      decisions: [...decoded.decisions, ...marks],
      unused,
      settled,
      join: this.state,
    };
  }

  /** Labels impressions for when they are first learned: as negatives, unless they wait. */
  private async label(batch: Batch): Promise<void> {
    const { clicks } = this.options;
    const { labels, times } = batch;
    const { wait } = this.correct;
    if (wait === undefined) labels.fill(0);
    else {
      const newest = times.reduce((newest, time) => Math.max(newest, time), Number.NEGATIVE_INFINITY);
      await clicks.readUntil(newest + wait, this.at);
      for (let row = 0; row < batch.rows; row++) labels[row] = Number(this.clickedUntil(batch, row, wait));
      this.joined += labels.reduce((sum, label) => sum + label, 0);
    }
    const { length } = times;
    this.reached = Math.max(this.reached, times.slice().sort()[Math.floor(MOST * (length - 1))]);
  }

  /** Processes impressions that have reached an age. */
  private async release(): Promise<void> {
    for (let pieces = PIECES * this.tails.length; pieces > 0; pieces--) {
      const next = await this.due();
      if (!next) return;
      const { tail, batch, time } = next;
      await this.options.clicks.readUntil(time, this.at);
      const found = this.found(tail, batch);
      if (this.pool.rows + found.length > this.room) return;
      this.take(batch, found);
      const { rows } = tail.state;
      tail.pass();
      if (tail === this.tails.at(-1)) this.settle(batch, rows);
    }
  }

  /**
   * Most corrections in a batch: it has at least one impression and, as long as impressions come, there is always room
   * for a piece.
   */
  private get room(): number {
    return Math.min(pieceRows(this.options.layout), this.left - 1);
  }

  /** Of the pieces that have reached their age, the one that did so first. */
  private async due(): Promise<{ tail: Tail; batch: Batch; time: number } | null> {
    let first: { tail: Tail; batch: Batch; time: number } | null = null;
    for (const tail of this.tails) {
      const batch = await this.ahead(tail);
      const time = batch ? this.newest(batch) + tail.age : Number.NaN;
      if (batch && time <= this.reached && !(first && first.time <= time)) first = { tail, batch, time };
    }
    return first;
  }

  /** A tail's next piece, if all of it was learned. */
  private async ahead(tail: Tail): Promise<Batch | null> {
    if (tail.state.rows + pieceRows(this.options.layout) > this.rows) return null;
    const batch = await tail.peek();
    return batch && tail.state.rows + batch.rows <= this.rows ? batch : null;
  }

  /** NaN if all times are ahead of what was learned; impressions with such clocks hold up nothing. */
  private newest({ times }: Batch): number {
    const known = times.filter((time) => time <= this.reached);
    return known.length === 0 ? Number.NaN : known.reduce((newest, time) => Math.max(newest, time));
  }

  /** Rows whose first click came since the previous age. */
  private found(tail: Tail, batch: Batch): number[] {
    const rows: number[] = [];
    for (let row = 0; row < batch.rows; row++)
      if (
        !this.repeated.has(tail.state.rows + row) &&
        this.clickedUntil(batch, row, tail.age) &&
        !this.clickedUntil(batch, row, tail.from)
      )
        rows.push(row);
    return rows;
  }

  /** Whether a click came by the time an impression had this age. */
  private clickedUntil({ idHalves: ids, times }: Batch, row: number, age: number): boolean {
    return this.options.clicks.clicked(ids[2 * row], ids[2 * row + 1], times[row], age);
  }

  private take(batch: Batch, rows: readonly number[]): void {
    const before = this.pool.rows;
    this.pool = appendRows(this.pool, batch, rows);
    this.pool.labels.fill(1, before);
    this.joined += rows.length;
  }

  /** Reports the final labels of a piece that no tail reads again. @param first its first row's number */
  private settle(batch: Batch, first: number): void {
    this.tell(batch, first);
    this.repeated.forget(Math.min(...this.tails.map(({ state }) => state.rows)));
    this.options.clicks.forget(batch.times.reduce((oldest, time) => Math.min(oldest, time), Number.POSITIVE_INFINITY));
  }

  private tell(batch: Batch, first: number): void {
    const { window } = this.options.spec;
    const once = (n: number) => !this.repeated.has(n);
    this.final.report(batch, first, once, (row) => this.clickedUntil(batch, row, window));
  }

  private get state(): JoinState {
    const { reported: settled } = this.final;
    const { rows, reached, corrected, joined, tails } = this;
    const known = Number.isFinite(reached) ? reached : null;
    const files = this.options.files?.() ?? [];
    const repeated = this.repeated.state;
    const late = {
      rows,
      settled,
      reached: known,
      corrected,
      tails: tails.map(({ state }) => state),
      files,
      ...(repeated.length > 0 && { repeated }),
      ...(this.ended && { ended: true as const }),
    };
    const awaited = rows - settled - repeated.filter((row) => row >= settled).length;
    return { ...this.options.clicks.state, joined, corrected, awaited, late_labels: late };
  }

  /**
   * After the last impression, pending scores get the labels that are known. Nothing is learned from them now: later
   * impressions and clicks are learned as if nothing had ended.
   */
  private async *end(last: DecodedBatch): AsyncGenerator<DecodedBatch> {
    const tail = this.tails.at(-1)!;
    const frozen = this.state.late_labels!.tails;
    const empty = { ...last, rows: 0, corrections: 0, rejects: [], decisions: [], times: [], seen: [] };
    const distinct = new Uint32Array();
    while (tail.state.rows < this.rows) {
      const batch = await tail.peek();
      if (!batch) return;
      const { rows } = tail.state;
      tail.pass();
      if (rows + batch.rows <= this.final.reported) continue;
      const newest = batch.times.reduce((newest, time) => Math.max(newest, time));
      await this.options.clicks.readUntil(newest + tail.age, this.at);
      this.tell(batch, rows);
      const decoded = this.handedOut({ ...empty, distinct });
      yield { ...decoded, join: { ...decoded.join!, late_labels: { ...decoded.join!.late_labels!, tails: frozen } } };
    }
  }
}
