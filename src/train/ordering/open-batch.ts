import type { Room } from "../../core/batch.js";
import type { Decoder } from "../../decode/decoder.js";
import type { RejectedRow } from "../rejects/rejects.js";
import type { DecodedBatch } from "../stream.js";
import { rejectedMessages } from "./dead-messages.js";
import { decodeMessage } from "./decode-message.js";
import type { Merge, MessageRun } from "./merge.js";

/** What to keep of a topic's rejected messages. */
export interface OpenBatchOptions {
  readonly topic: string;
  /** Rejected messages are kept in full, for a dead-letter topic; else only the first bytes of their values. */
  readonly whole: boolean;
  /** The topic's number of a partition, if the merge numbers them differently. Default: the same. */
  readonly partitionOf?: (partition: number) => number;
  /**
   * A batch is closed once messages without a row, such as rejected ones, have so many bytes. Default: they count like
   * all others.
   */
  readonly mostRejected?: number;
}

/**
 * A batch of mostly rejected or empty messages is closed after so many of them, or so many bytes: a topic full of
 * malformed messages must neither fill the memory nor keep its offsets from being saved. This depends on the messages
 * alone, so a replay does the same.
 */
const MOST_MESSAGES = 1 << 16;
const MOST_BYTES = 64 << 20;
/** Interval, in messages, of the record times that are kept; which ones must not depend on how messages arrived. */
const TIME_EVERY = 64;

/** The batch being filled, with the rejects and record times of its messages. */
export class OpenBatch {
  messages = 0;
  private readonly decoder: Decoder;
  private readonly options: OpenBatchOptions;
  private rejects: RejectedRow[] = [];
  private times: number[] = [];
  private bytes = 0;
  private tombstones = 0;
  /** Number of bytes at which the batch is closed. */
  private mostBytes = MOST_BYTES;
  private readonly mostMessages: number;
  /** Bytes of the batch's messages without a row. */
  private rejected = 0;

  constructor(decoder: Decoder, options: OpenBatchOptions) {
    this.decoder = decoder;
    this.options = options;
    this.mostMessages = Math.max(MOST_MESSAGES, 4 * decoder.layout.capacity);
  }

  /** Decodes messages until the batch is full or holds `wanted` rows. @returns how many were used */
  decode(run: MessageRun, wanted = Number.POSITIVE_INFINITY): { count: number; full: boolean } {
    const { decoder } = this;
    const { mostRejected = MOST_BYTES } = this.options;
    const capacity = Math.min(wanted, decoder.layout.capacity);
    let full = false;
    const last = run.from + this.mostMessages - this.messages;
    const { starts, ends } = run.messages;
    let at = run.from;
    while (at < run.to && !full) {
      const length = ends[at] - starts[at];
      const { rows } = decoder;
      decodeMessage(decoder, run.messages, at);
      this.bytes += length;
      if (length === 0) this.tombstones++;
      if (decoder.rows === rows) this.rejected += length;
      at++;
      full = decoder.rows >= capacity || at === last || this.bytes >= this.mostBytes || this.rejected >= mostRejected;
    }
    this.keepTimes(run, at);
    this.messages += at - run.from;
    this.keepRejects(run);
    return { count: at - run.from, full };
  }

  take(merge: Merge, into: ArrayBufferLike | Room): DecodedBatch {
    const { batch, distinct, kept } = this.decoder.take(into);
    const taken: DecodedBatch = {
      rows: batch.rows,
      buffer: batch.buffer,
      base: batch.base,
      distinct,
      kept,
      rejects: this.rejects,
      findings: this.decoder.findings(),
      position: merge.position,
      decisions: merge.takeDecisions(),
      times: this.times,
      bytesRead: this.bytes,
      seen: [],
      epochs: 0,
      ...(this.tombstones > 0 && { tombstones: this.tombstones }),
      ...this.schemas(),
    };
    this.messages = 0;
    this.tombstones = 0;
    this.mostBytes = this.bytes + MOST_BYTES;
    this.rejected = 0;
    this.rejects = [];
    this.times = [];
    return taken;
  }

  /** Schemas that occurred for the first time in this batch. */
  private schemas(): Pick<DecodedBatch, "schemas"> {
    const schemas = this.decoder.schemas?.takeNamed() ?? {};
    return Object.keys(schemas).length > 0 ? { schemas } : {};
  }

  private keepTimes({ messages, from }: MessageRun, to: number): void {
    const first = from + ((TIME_EVERY - (this.messages % TIME_EVERY)) % TIME_EVERY);
    for (let i = first; i < to; i += TIME_EVERY) this.times.push(messages.times[i]);
  }

  private keepRejects({ partition, messages }: MessageRun): void {
    const { topic, whole, partitionOf } = this.options;
    const place = { topic, partition: partitionOf?.(partition) ?? partition, messages, whole };
    this.rejects.push(...rejectedMessages(this.decoder.takeRejects(), place));
  }
}
