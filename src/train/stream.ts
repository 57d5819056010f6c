import type { Room } from "../core/batch.js";
import type { Decoder, Findings, Reject, Taken } from "../decode/decoder.js";
import { inFile } from "../decode/in-file.js";
import type { Span } from "../metrics/split.js";
import type { KnownSchemas } from "../schema-registry/topic-schemas.js";
import type { ByteSource, SourceFile, SourcePosition } from "../sources/source.js";
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

/** Decoded but not yet taken content of a list of files: rows, and malformed ones among them. */
export interface Feed {
  readonly files: readonly SourceFile[];
  /** Index of the current file. */
  readonly file: number;
  /** As in `ByteSource`. */
  readonly bytesRead: number;
  /** Rows not yet taken. */
  readonly rows: number;
  /** Position of the next row: bytes of the file's decompressed content, and lines. */
  readonly place: { readonly offset: number; readonly row: number };
  /** Goes to a position in the list. Rows not yet taken stay. */
  goTo(place: SourcePosition): Promise<void>;
  /** Decodes until there are `wanted` rows (at most a batch's capacity), or the file ends. */
  fill(wanted: number): Promise<"full" | "end">;
  take(into: ArrayBufferLike | Room): FeedTaken;
  /** Takes only the malformed rows. */
  takeRejects(): readonly Reject[];
  /** Goes to the start of the next file; false if there is none. */
  nextFile(): Promise<boolean>;
}

/** A feed that knows its files. */
export interface FileFeed extends Feed {
  /** As in `ByteSource`. */
  readonly fingerprints: readonly string[];
  readonly totalBytes: number | null;
  verify(fingerprints: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

export interface FeedTaken extends Taken {
  readonly findings: Findings;
}

/** Source → decoder → batches, in stream order: see `batchesOf`. */
export function decodedBatches(
  source: ByteSource,
  decoder: Decoder,
  options: StreamOptions,
): AsyncGenerator<DecodedBatch> {
  return batchesOf(new TextFeed(source, decoder), options);
}

/**
 * The batches of a feed. All are full except the very last one, so their boundaries do not depend on files, chunks,
 * rejected rows or on where the run was started.
 */
export async function* batchesOf(feed: Feed, options: StreamOptions): AsyncGenerator<DecodedBatch> {
  let { epoch } = options.start;
  let remaining = options.limit;
  let epochs = epoch;
  let rowsTaken = 0;
  let held: RejectedRow[] = [];
  const seen = new SeenRows();
  const named = (rejects: readonly Reject[]) => {
    const file = feed.files[feed.file].name;
    return rejects.map((reject) => ({ ...reject, file }));
  };
  const take = (): DecodedBatch => {
    const spans = seen.take(feed.rows);
    const { batch, rejects, offset, row, distinct, kept, findings } = feed.take(options.buffer());
    const all = [...held, ...named(rejects)];
    held = [];
    remaining -= batch.rows;
    rowsTaken += batch.rows;
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
      seen: spans,
      epochs,
    };
  };

  const { begins = {}, onFileEnd, wanted = () => remaining } = options;
  const begin = (file: number) => seen.begin(epoch > 0 || (begins[file]?.seen ?? false), feed.rows);
  await feed.goTo(options.start);
  begin(options.start.file);
  while (remaining > 0) {
    if ((await feed.fill(Math.min(remaining, wanted()))) === "full") {
      yield take();
      continue;
    }
    held.push(...named(feed.takeRejects()));
    if (epoch === 0) onFileEnd?.(feed.file, { ...feed.place, rows: rowsTaken + feed.rows });
    if (await feed.nextFile()) {
      const { offset, row } = begins[feed.file] ?? START;
      if (offset > 0) await feed.goTo({ epoch, file: feed.file, offset, row });
      begin(feed.file);
      continue;
    }
    epochs = epoch + 1;
    if (epochs >= options.epochs) break;
    if (options.everyEpoch && feed.rows === 0) yield take();
    epoch = epochs;
    const { offset, row } = begins[0] ?? START;
    await feed.goTo({ epoch, file: 0, offset, row });
    begin(0);
  }
  yield take();
}

/** Decodes the bytes of files. */
export class TextFeed implements FileFeed {
  private readonly source: ByteSource;
  private readonly decoder: Decoder;
  private ended = false;

  constructor(source: ByteSource, decoder: Decoder) {
    this.source = source;
    this.decoder = decoder;
  }

  get files(): readonly SourceFile[] {
    return this.source.files;
  }

  get file(): number {
    return this.source.file;
  }

  get bytesRead(): number {
    return this.source.bytesRead;
  }

  get fingerprints(): readonly string[] {
    return this.source.fingerprints;
  }

  get totalBytes(): number | null {
    return this.source.totalBytes;
  }

  get rows(): number {
    return this.decoder.rows;
  }

  get place(): { readonly offset: number; readonly row: number } {
    return this.decoder.place;
  }

  async goTo(place: SourcePosition): Promise<void> {
    const { source, decoder } = this;
    if (decoder.needsHeader && place.offset > 0) await readHeader(source, decoder, place.file);
    await source.open(place);
    decoder.startAt(place.offset, place.row);
    this.ended = false;
  }

  async fill(wanted: number): Promise<"full" | "end"> {
    const { source, decoder } = this;
    for (;;) {
      if (this.full(wanted)) return "full";
      if (this.ended) return "end";
      const count = await source.read(decoder.room());
      if (count > 0) decoder.commit(count);
      else {
        decoder.endFile();
        this.ended = true;
      }
    }
  }

  take(into: ArrayBufferLike | Room): FeedTaken {
    return { ...this.decoder.take(into), findings: this.decoder.findings() };
  }

  takeRejects(): readonly Reject[] {
    return this.decoder.takeRejects();
  }

  async nextFile(): Promise<boolean> {
    const more = await this.source.nextFile();
    // An empty file has no first byte that would start it.
    if (more) this.decoder.startAt(0, 0);
    if (more) this.ended = false;
    return more;
  }

  verify(fingerprints: readonly string[]): Promise<void> {
    return this.source.verify(fingerprints);
  }

  close(): Promise<void> {
    return this.source.close();
  }

  private full(wanted: number): boolean {
    return inFile(this.source.files[this.source.file].name, () => this.decoder.scan(wanted) === "full");
  }
}

/** Reads the header of a file that will be continued in the middle. */
async function readHeader(source: ByteSource, decoder: Decoder, file: number): Promise<void> {
  await source.open({ file, offset: 0, row: 0 });
  while (inFile(source.files[file].name, () => decoder.scan(0)) === "more") {
    const count = await source.read(decoder.room());
    if (count === 0) return;
    decoder.commit(count);
  }
}
