import { setImmediate } from "node:timers/promises";
import type { Room } from "../../core/batch.js";
import type { Clock } from "../../core/clock.js";
import type { Decoder } from "../../decode/decoder.js";
import type { TopicSchemas } from "../../schema-registry/topic-schemas.js";
import type { PartitionedLog } from "../../sources/partitioned-log.js";
import type { RejectedRow } from "../rejects.js";
import type { DecodedBatch } from "../stream.js";
import { rejectedMessages } from "./dead-messages.js";
import type { Merge, MessageRun } from "./merge.js";
import { schemaHeader } from "./schema-header.js";

export interface TopicStreamOptions {
  /** Events still wanted; Infinity = all. */
  readonly limit: number;
  /** Rows of the next batch, at most as many as a batch has. Default: that. */
  readonly wanted?: () => number;
  /** What ends behind the topic's last message is a batch even where it is empty, and tells so: its `epochs` are 1. */
  readonly tellsEnd?: boolean;
  /** A batch of a quiet topic is closed when its first event has waited this long, in ms. */
  readonly lingerMs: number;
  readonly clock: Clock;
  /** A buffer for the next batch. */
  readonly buffer: () => ArrayBufferLike | Room;
  /** Rejected messages are kept whole, for a dead-letter topic. Default: the first bytes of their values. */
  readonly whole?: boolean;
  /** Tells the decoder the schemas that events name; undefined: they name none. */
  readonly schemas?: TopicSchemas | undefined;
}

/** The client library reads from the network in this thread: it must come to its turn so often, or sockets run full. */
const TURN_MS = 2;
/** How long to wait for news where nothing is due. */
const IDLE_MS = 1_000;
/**
 * A batch of mostly rejected or empty messages is closed after so many of them, or so many bytes: a topic full of poison must
 * neither fill the memory nor keep its offsets from being saved. It follows from the messages alone, so a replay does the same.
 */
const MOST_MESSAGES = 1 << 16;
const MOST_BYTES = 64 << 20;
/** The record time of every so many messages of a batch is kept: which ones must not depend on how they came to hand. */
const TIME_EVERY = 64;

/**
 * Log → merge → decoder → batches, in the merge's order. A message is an event; an empty one is passed over. Where the log fails, what
 * is at hand comes before the error.
 */
export async function* decodedMessages(
  log: PartitionedLog,
  merge: Merge,
  decoder: Decoder,
  options: TopicStreamOptions,
): AsyncGenerator<DecodedBatch> {
  const { clock, lingerMs, wanted = () => Number.POSITIVE_INFINITY } = options;
  const batch = new OpenBatch(log.topic, decoder, options.whole ?? false);
  let remaining = options.limit;
  let openedAt = 0;
  let turnedAt = 0;
  const take = (): DecodedBatch => {
    const taken = batch.take(merge, options.buffer());
    remaining -= taken.rows;
    return taken;
  };
  while (remaining > 0) {
    const due = batch.messages > 0 && (log.failed || clock.now() - openedAt >= lingerMs);
    const next = merge.next(due);
    if (next === "end") {
      if (options.tellsEnd) yield { ...take(), epochs: 1 };
      else if (batch.messages > 0) yield take();
      return;
    }
    if (next === "wait") await log.wait(batch.messages > 0 ? Math.max(1, openedAt + lingerMs - clock.now()) : IDLE_MS);
    else if (next === "close") {
      // A checkpoint taken right at a close is followed by that close again.
      if (batch.messages > 0) yield take();
    } else {
      await options.schemas?.need(next.messages, [next.from, next.to], schemaHeader);
      if (batch.messages === 0) openedAt = clock.now();
      const { count, full } = batch.decode(next, Math.min(remaining, wanted()));
      merge.take(next, count);
      if (full) yield take();
      if (clock.now() - turnedAt >= TURN_MS) {
        await setImmediate();
        turnedAt = clock.now();
      }
    }
  }
  if (batch.messages > 0) yield take();
}

/** The batch being filled, with the rejects and record times of its messages. */
class OpenBatch {
  messages = 0;
  private readonly topic: string;
  private readonly decoder: Decoder;
  private rejects: RejectedRow[] = [];
  private times: number[] = [];
  private bytes = 0;
  private tombstones = 0;
  /** `bytes` at which the batch is closed. */
  private mostBytes = MOST_BYTES;
  private readonly mostMessages: number;
  private readonly whole: boolean;

  constructor(topic: string, decoder: Decoder, whole: boolean) {
    this.topic = topic;
    this.whole = whole;
    this.decoder = decoder;
    this.mostMessages = Math.max(MOST_MESSAGES, 4 * decoder.layout.capacity);
  }

  /** Decodes messages until the batch is full or holds `wanted` rows. @returns how many were used */
  decode(run: MessageRun, wanted: number): { count: number; full: boolean } {
    const { decoder } = this;
    const capacity = Math.min(wanted, decoder.layout.capacity);
    let full = false;
    const last = run.from + this.mostMessages - this.messages;
    const { bytes, starts, ends, offsets } = run.messages;
    let at = run.from;
    while (at < run.to && !full) {
      this.bytes += ends[at] - starts[at];
      if (ends[at] === starts[at]) this.tombstones++;
      const schema = decoder.schemas && schemaHeader(run.messages, at);
      decoder.message(bytes, starts[at], ends[at], offsets[at], schema);
      at++;
      full = decoder.rows >= capacity || at === last || this.bytes >= this.mostBytes;
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
    this.rejects = [];
    this.times = [];
    return taken;
  }

  /** Those that were met with this batch for the first time. */
  private schemas(): Pick<DecodedBatch, "schemas"> {
    const schemas = this.decoder.schemas?.takeNamed() ?? {};
    return Object.keys(schemas).length > 0 ? { schemas } : {};
  }

  private keepTimes({ messages, from }: MessageRun, to: number): void {
    const first = from + ((TIME_EVERY - (this.messages % TIME_EVERY)) % TIME_EVERY);
    for (let i = first; i < to; i += TIME_EVERY) this.times.push(messages.times[i]);
  }

  private keepRejects({ partition, messages }: MessageRun): void {
    const { topic, whole } = this;
    const rejects = this.decoder.takeRejects();
    this.rejects.push(...rejectedMessages(rejects, { topic, partition, messages, whole }));
  }
}
