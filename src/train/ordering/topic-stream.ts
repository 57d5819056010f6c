import { setImmediate } from "node:timers/promises";
import type { Room } from "../../core/batch.js";
import type { Clock } from "../../core/clock.js";
import type { Decoder } from "../../decode/decoder.js";
import type { TopicSchemas } from "../../schema-registry/topic-schemas.js";
import type { PartitionedLog } from "../../sources/partitioned-log.js";
import type { DecodedBatch } from "../stream.js";
import type { Merge, MessageRun } from "./merge.js";
import { OpenBatch } from "./open-batch.js";
import { schemaHeader } from "./schema-header.js";

export interface TopicStreamOptions {
  /** Events still to be read; Infinity = all. */
  readonly limit: number;
  /** Rows of the next batch, at most a batch's capacity. Default: that. */
  readonly wanted?: () => number;
  /** After the topic's last message there is a final batch, possibly empty, with `epochs` 1. */
  readonly reportsEnd?: boolean;
  /**
   * Offsets without messages (transaction markers, aborted records) that no message follows are reported by an empty
   * batch, so that a checkpoint does not stay before them. Default: the next batch includes them.
   */
  readonly reportsGaps?: boolean;
  /** A batch of a quiet topic is closed when its first event has waited this long, in ms. */
  readonly lingerMs: number;
  readonly clock: Clock;
  /** A buffer for the next batch. */
  readonly buffer: () => ArrayBufferLike | Room;
  /** Rejected messages are kept in full, for a dead-letter topic. Default: only the first bytes of their values. */
  readonly whole?: boolean;
  /** Gives the decoder the schemas that events name; undefined: they name none. */
  readonly schemas?: TopicSchemas | undefined;
}

/**
 * The client library reads from the network in this thread, so it must get a turn this often, or socket buffers fill
 * up.
 */
const TURN_MS = 2;
/** How long to wait for news if nothing is due. */
const IDLE_MS = 1_000;

/**
 * Log → merge → decoder → batches, in the merge's order. A message is an event; an empty one is skipped. If the log
 * fails, what is available is delivered before the error.
 */
export async function* decodedMessages(
  log: PartitionedLog,
  merge: Merge,
  decoder: Decoder,
  options: TopicStreamOptions,
): AsyncGenerator<DecodedBatch> {
  const filling = new Filling(log, merge, decoder, options);
  while (filling.remaining > 0) {
    const next = merge.next(filling.due);
    if (next === "end") {
      if (options.reportsEnd) yield { ...filling.take(), epochs: 1 };
      else yield* filling.rest();
      return;
    }
    if (next === "wait") {
      if (filling.idlesPastGaps) yield filling.take();
      await filling.wait();
    }
    // After a checkpoint taken exactly at a close, that close comes again.
    else if (next === "close") yield* filling.rest();
    else {
      if (await filling.decode(next)) yield filling.take();
      await filling.turn();
    }
  }
  yield* filling.rest();
}

/** A topic's batches, one after the other. */
class Filling {
  /** Events still to be read. */
  remaining: number;
  private readonly log: PartitionedLog;
  private readonly merge: Merge;
  private readonly options: TopicStreamOptions;
  private readonly batch: OpenBatch;
  private openedAt = 0;
  private turnedAt = 0;
  private tookAt = Number.NEGATIVE_INFINITY;

  constructor(log: PartitionedLog, merge: Merge, decoder: Decoder, options: TopicStreamOptions) {
    this.log = log;
    this.merge = merge;
    this.options = options;
    this.batch = new OpenBatch(decoder, { topic: log.topic, whole: options.whole ?? false });
    this.remaining = options.limit;
  }

  /** Whether the batch should not wait for further messages. */
  get due(): boolean {
    return this.batch.messages > 0 && (this.log.failed || this.lingering <= 0);
  }

  /** Whether offsets without messages were passed a while ago, and no message has followed. */
  get idlesPastGaps(): boolean {
    return this.batch.messages === 0 && this.pastGaps && this.options.clock.now() - this.tookAt >= IDLE_MS;
  }

  private get pastGaps(): boolean {
    return this.options.reportsGaps === true && this.merge.passedGaps;
  }

  /** Milliseconds that the batch may still wait. */
  private get lingering(): number {
    return this.openedAt + this.options.lingerMs - this.options.clock.now();
  }

  wait(): Promise<void> {
    return this.log.wait(this.batch.messages > 0 ? Math.max(1, this.lingering) : IDLE_MS);
  }

  /** Decodes messages into the batch. @returns whether it is full */
  async decode(run: MessageRun): Promise<boolean> {
    const { batch, merge, options } = this;
    await options.schemas?.need(run.messages, [run.from, run.to], schemaHeader);
    if (batch.messages === 0) this.openedAt = options.clock.now();
    const { count, full } = batch.decode(run, Math.min(this.remaining, options.wanted?.() ?? Number.POSITIVE_INFINITY));
    merge.take(run, count);
    return full;
  }

  /** Lets the client library run, if it is time. */
  async turn(): Promise<void> {
    const { clock } = this.options;
    if (clock.now() - this.turnedAt < TURN_MS) return;
    await setImmediate();
    this.turnedAt = clock.now();
  }

  take(): DecodedBatch {
    const taken = this.batch.take(this.merge, this.options.buffer());
    this.remaining -= taken.rows;
    this.tookAt = this.options.clock.now();
    return taken;
  }

  /** What has been decoded since the last batch. */
  *rest(): Generator<DecodedBatch> {
    if (this.batch.messages > 0 || this.pastGaps) yield this.take();
  }
}
