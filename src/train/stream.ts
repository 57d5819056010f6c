import type { Room } from "../core/batch.js";
import type { Findings, Reject } from "../decode/decoder.js";
import type { Span } from "../metrics/split.js";
import type { KnownSchemas } from "../schema-registry/topic-schemas.js";
import type { Feed } from "./feed.js";
import { SeenRows } from "./files/seen-rows.js";
import type { FilePosition, StreamPosition } from "./job.js";
import type { ClickMark } from "./join/click-stream.js";
import type { JoinState } from "./join/join-counts.js";
import type { UnusedLabel } from "./join/unused-label.js";
import type { MergeDecision } from "./ordering/merge.js";
import type { RejectedRow } from "./rejects/rejects.js";

/** The start of the stream. */
export const START: FilePosition = { epoch: 0, file: 0, offset: 0, row: 0 };

/** One decoded batch with everything that came before its end: what the consumer commits together. */
export interface DecodedBatch {
  readonly rows: number;
  readonly buffer: ArrayBufferLike;
  /** Offset of the batch in the buffer. Default 0. */
  readonly base?: number;
  readonly distinct: Uint32Array;
  /** Every row, with its kept texts; empty if none are kept. */
  readonly kept?: Uint8Array;
  readonly rejects: readonly RejectedRow[];
  /** Observations about the accepted rows so far. */
  readonly findings: Findings;
  /** Right after the batch's last row. */
  readonly position: StreamPosition;
  /** Decisions made on the way here that a replay must repeat. */
  readonly decisions: readonly (MergeDecision | ClickMark)[];
  /** For a topic, record times of some of its events, ms since the epoch. */
  readonly times: readonly number[];
  /** Bytes of input consumed so far, in the units of the source's total. */
  readonly bytesRead: number;
  /** Rows of the batch that were learned before, in an earlier pass over the data. */
  readonly seen: readonly Span[];
  /** Passes over the data that have ended before the batch's end. */
  readonly epochs: number;
  /** The state of the join after the batch, if labels come from clicks. */
  readonly join?: JoinState;
  /** Clicks up to here that label nothing, if they are kept. */
  readonly unused?: readonly UnusedLabel[];
  /** Number of corrections at its end: impressions learned before, for which a click has come since. */
  readonly corrections?: number;
  /** Number of impressions left out because of repeated ids; absent: none were looked for, or found. */
  readonly repeated?: number;
  /** The oldest pending impressions with their final labels (a batch without fields); null: none. */
  readonly settled?: { readonly rows: number; readonly buffer: ArrayBufferLike } | null;
  /** Messages of a topic on the way here without a value: they are not events. Absent: none. */
  readonly tombstones?: number;
  /** Schemas that its events are the first of the run to name; absent: none. */
  readonly schemas?: KnownSchemas;
}

export interface StreamOptions {
  readonly start: FilePosition;
  readonly epochs: number;
  /** Events still to be read; Infinity = all. */
  readonly limit: number;
  /** Memory for the next batch. */
  readonly buffer: () => ArrayBufferLike | Room;
  /** Also yield an empty batch if a pass ends right after a full one, so that `epochs` reports every pass. */
  readonly everyEpoch?: boolean;
  /** Rows of the next batch, at least 1 and at most a batch's capacity. Default: that. */
  readonly wanted?: () => number;
  /** Where to begin in files that are not read from their start, by index. */
  readonly begins?: Readonly<Record<number, FileBegin>>;
  /** Called at the end of each file in the first pass, with its position, and the rows of the stream before it. */
  readonly onFileEnd?: (file: number, end: { offset: number; row: number; rows: number }) => void;
}

/** A file that is learned only in part, or was learned before. */
export interface FileBegin {
  readonly offset: number;
  readonly row: number;
  /** Its events were learned before. */
  readonly seen: boolean;
}

/**
 * The batches of a feed. All are full except the very last one, so their boundaries do not depend on files, chunks,
 * rejected rows or on where the run was started.
 */
export async function* batchesOf(feed: Feed, options: StreamOptions): AsyncGenerator<DecodedBatch> {
  const passes = new Passes(feed, options);
  await passes.start();
  while (passes.remaining > 0) {
    if (await passes.fill()) yield passes.take();
    else if (await passes.nextFile()) continue;
    else if (!passes.another()) break;
    else {
      if (options.everyEpoch && feed.rows === 0) yield passes.take();
      await passes.restart();
    }
  }
  yield passes.take();
}

/** Reads a feed's files in order, once or several times. */
class Passes {
  private readonly feed: Feed;
  private readonly options: StreamOptions;
  private readonly seen = new SeenRows();
  private epoch: number;
  /** Passes that have ended. */
  private ended: number;
  private rowsTaken = 0;
  /** Rejects of the files that have ended since the last batch. */
  private held: RejectedRow[] = [];
  /** Events still to be read. */
  remaining: number;

  constructor(feed: Feed, options: StreamOptions) {
    this.feed = feed;
    this.options = options;
    this.epoch = options.start.epoch;
    this.ended = options.start.epoch;
    this.remaining = options.limit;
  }

  async start(): Promise<void> {
    const { start } = this.options;
    await this.feed.goTo(start);
    this.beginFile(start.file);
  }

  /** @returns false if the file ends before the batch is full */
  async fill(): Promise<boolean> {
    const { wanted = () => this.remaining } = this.options;
    return (await this.feed.fill(Math.min(this.remaining, wanted()))) === "full";
  }

  take(): DecodedBatch {
    const { feed, epoch } = this;
    const seen = this.seen.take(feed.rows);
    const { batch, rejects, offset, row, distinct, kept, findings } = feed.take(this.options.buffer());
    const all = [...this.held, ...this.named(rejects)];
    this.held = [];
    this.remaining -= batch.rows;
    this.rowsTaken += batch.rows;
    return {
      rows: batch.rows,
      buffer: batch.buffer,
      base: batch.base,
      distinct,
      kept,
      rejects: all,
      findings,
      position: { epoch, file: feed.file, offset, row },
      decisions: [],
      times: [],
      bytesRead: feed.bytesRead,
      seen,
      epochs: this.ended,
    };
  }

  /** Goes from the end of a file to the next one; false if there is none. */
  async nextFile(): Promise<boolean> {
    const { feed, epoch, options } = this;
    this.held.push(...this.named(feed.takeRejects()));
    if (epoch === 0) options.onFileEnd?.(feed.file, { ...feed.place, rows: this.rowsTaken + feed.rows });
    if (!(await feed.nextFile())) return false;
    const { offset, row } = this.beginOf(feed.file);
    if (offset > 0) await feed.goTo({ epoch, file: feed.file, offset, row });
    this.beginFile(feed.file);
    return true;
  }

  /** Counts the pass that has ended; false if it was the last one. */
  another(): boolean {
    this.ended = this.epoch + 1;
    return this.ended < this.options.epochs;
  }

  /** Goes to the first file again. */
  async restart(): Promise<void> {
    this.epoch = this.ended;
    const { offset, row } = this.beginOf(0);
    await this.feed.goTo({ epoch: this.epoch, file: 0, offset, row });
    this.beginFile(0);
  }

  private beginOf(file: number): { offset: number; row: number } {
    return this.options.begins?.[file] ?? START;
  }

  private beginFile(file: number): void {
    this.seen.begin(this.epoch > 0 || (this.options.begins?.[file]?.seen ?? false), this.feed.rows);
  }

  private named(rejects: readonly Reject[]): RejectedRow[] {
    const file = this.feed.files[this.feed.file].name;
    return rejects.map((reject) => ({ ...reject, file }));
  }
}
