import { setImmediate } from "node:timers/promises";
import type { Room } from "../../core/batch.js";
import type { Clock } from "../../core/clock.js";
import type { Decoder } from "../../decode/decoder.js";
import type { TopicSchemas } from "../../schema-registry/topic-schemas.js";
import type { PartitionedLog } from "../../sources/partitioned-log.js";
import type { DecodedBatch } from "../stream.js";
import type { Merge } from "./merge.js";
import { OpenBatch } from "./open-batch.js";
import { schemaHeader } from "./schema-header.js";

export interface TopicStreamOptions {
  /** Events still to be read; Infinity = all. */
  readonly limit: number;
  /** Rows of the next batch, at most a batch's capacity. Default: that. */
  readonly wanted?: () => number;
  /** After the topic's last message there is a final batch, possibly empty, with `epochs` 1. */
  readonly reportsEnd?: boolean;
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
  const { clock, lingerMs, wanted = () => Number.POSITIVE_INFINITY } = options;
  const batch = new OpenBatch(decoder, { topic: log.topic, whole: options.whole ?? false });
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
      if (options.reportsEnd) yield { ...take(), epochs: 1 };
      else if (batch.messages > 0) yield take();
      return;
    }
    if (next === "wait") await log.wait(batch.messages > 0 ? Math.max(1, openedAt + lingerMs - clock.now()) : IDLE_MS);
    else if (next === "close") {
      // After a checkpoint taken exactly at a close, that close comes again.
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
