import { HashbrookError } from "../core/errors.js";
import type { Decoder, Findings, Reject } from "../decode/decoder.js";
import type { Span } from "../metrics/split.js";
import type { ByteSource } from "../sources/source.js";
import type { FilePosition, StreamPosition } from "./job.js";
import type { MergeDecision } from "./ordering/merge.js";

/** The start of the stream. */
export const START: FilePosition = { epoch: 0, file: 0, offset: 0, row: 0 };

/** A malformed row with the file it came from. */
export interface RejectedRow extends Reject {
  readonly file: string;
}

/** One decoded batch with everything that came before its end: what the consumer commits together. */
export interface DecodedBatch {
  readonly rows: number;
  readonly buffer: ArrayBufferLike;
  readonly distinct: Uint32Array;
  /** Every row, with the texts that are kept of it; empty where none are. */
  readonly kept?: Uint8Array;
  readonly rejects: readonly RejectedRow[];
  /** What stands out in the accepted rows so far. */
  readonly findings: Findings;
  /** Right after the batch's last row. */
  readonly position: StreamPosition;
  /** What was decided on the way here and must be decided alike in a replay. */
  readonly decisions: readonly MergeDecision[];
  /** A topic's record times of some of its events, ms since the epoch. */
  readonly times: readonly number[];
  /** Bytes of input consumed so far, in the measure of the source's total. */
  readonly bytesRead: number;
  /** Rows of the batch whose events were learned before, in an earlier pass over the data. */
  readonly seen: readonly Span[];
  /** Passes over the data that have ended before the batch's end. */
  readonly epochs: number;
}

export interface StreamOptions {
  readonly start: FilePosition;
  readonly epochs: number;
  /** Events still wanted; Infinity = all. */
  readonly limit: number;
  /** A buffer for the next batch. */
  readonly buffer: () => ArrayBufferLike;
  /** Also hand out an empty batch where a pass ends right behind a full one, so that `epochs` tells of every pass. */
  readonly everyEpoch?: boolean;
  /** Where files begin that do not begin at their start, by index. */
  readonly begins?: Readonly<Record<number, FileBegin>>;
  /** Told where each file has ended, in the first pass: its place, and rows of the stream before it. */
  readonly onFileEnd?: (file: number, end: { offset: number; row: number; rows: number }) => void;
}

/** A file of which not all is to be learned, or not for the first time. */
export interface FileBegin {
  readonly offset: number;
  readonly row: number;
  /** Its events were learned before. */
  readonly seen: boolean;
}

/**
 * Source → decoder → batches, in stream order. Batches are full except the very last one, so their boundaries do not
 * depend on files, chunks, rejected rows or on where the run was started.
 */
export async function* decodedBatches(
  source: ByteSource,
  decoder: Decoder,
  options: StreamOptions,
): AsyncGenerator<DecodedBatch> {
  let { epoch } = options.start;
  let remaining = options.limit;
  let epochs = epoch;
  let rowsTaken = 0;
  let held: RejectedRow[] = [];
  const seen = new SeenRows();
  const name = () => source.files[source.file].name;
  const take = (): DecodedBatch => {
    const spans = seen.take(decoder.rows);
    const { batch, rejects, offset, row, distinct, kept } = decoder.take(options.buffer());
    const all = [...held, ...rejects.map((reject) => ({ ...reject, file: name() }))];
    held = [];
    remaining -= batch.rows;
    rowsTaken += batch.rows;
    const position = { epoch, file: source.file, offset, row };
    return {
      rows: batch.rows,
      buffer: batch.buffer,
      distinct,
      kept,
      rejects: all,
      findings: decoder.findings(),
      position,
      decisions: [],
      times: [],
      bytesRead: source.bytesRead,
      seen: spans,
      epochs,
    };
  };
  const full = () => inFile(name(), () => decoder.scan(remaining) === "full");

  const { begins = {}, onFileEnd } = options;
  const begin = (file: number) => seen.begin(epoch > 0 || (begins[file]?.seen ?? false), decoder.rows);
  const goTo = async (place: FilePosition) => {
    if (decoder.needsHeader && place.offset > 0) await readHeader(source, decoder, place.file);
    await source.open(place);
    decoder.startAt(place.offset, place.row);
  };
  await goTo(options.start);
  begin(options.start.file);
  while (remaining > 0) {
    if (full()) {
      yield take();
      continue;
    }
    const count = await source.read(decoder.room());
    if (count > 0) {
      decoder.commit(count);
      continue;
    }
    decoder.endFile();
    while (remaining > 0 && full()) yield take();
    if (remaining === 0) return;
    held.push(...decoder.takeRejects().map((reject) => ({ ...reject, file: name() })));
    if (epoch === 0) onFileEnd?.(source.file, { ...decoder.place, rows: rowsTaken + decoder.rows });
    if (await source.nextFile()) {
      const { offset, row } = begins[source.file] ?? START;
      if (offset > 0) await goTo({ epoch, file: source.file, offset, row });
      begin(source.file);
      continue;
    }
    epochs = epoch + 1;
    if (epochs >= options.epochs) break;
    if (options.everyEpoch && decoder.rows === 0) yield take();
    epoch = epochs;
    const { offset, row } = begins[0] ?? START;
    await goTo({ epoch, file: 0, offset, row });
    begin(0);
  }
  yield take();
}

/** Notes which rows of the batches to come have been seen. */
class SeenRows {
  private spans: Span[] = [];
  private from: number | null = null;

  /** The rows from number `row` of the batch at hand on were learned before, or not. */
  begin(seen: boolean, row: number): void {
    this.close(row);
    this.from = seen ? row : null;
  }

  /** The seen rows of a batch that ends now with `rows` rows. */
  take(rows: number): readonly Span[] {
    this.close(rows);
    const { spans } = this;
    this.spans = [];
    if (this.from !== null) this.from = 0;
    return spans;
  }

  private close(row: number): void {
    if (this.from !== null && row > this.from) this.spans.push({ from: this.from, to: row });
  }
}

/** Runs `scan`; what is wrong with a header is told with its file. */
function inFile<T>(file: string, scan: () => T): T {
  try {
    return scan();
  } catch (error) {
    if (!(error instanceof HashbrookError) || error.code !== "source_unreadable") throw error;
    const { code, message, hint } = error;
    throw new HashbrookError(code, `${file}: ${message}`, { cause: error, ...(hint === undefined ? {} : { hint }) });
  }
}

/** Reads the header of a file that will be gone on with in the middle. */
async function readHeader(source: ByteSource, decoder: Decoder, file: number): Promise<void> {
  await source.open({ file, offset: 0, row: 0 });
  while (inFile(source.files[file].name, () => decoder.scan(0)) === "more") {
    const count = await source.read(decoder.room());
    if (count === 0) return;
    decoder.commit(count);
  }
}
