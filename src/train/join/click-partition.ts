import { Batch } from "../../core/batch.js";
import type { Clock } from "../../core/clock.js";
import type { Decoder } from "../../decode/decoder.js";
import type { TopicSchemas } from "../../schema-registry/topic-schemas.js";
import { firstFrom, type Messages } from "../../sources/messages.js";
import type { Chunk, PartitionedLog } from "../../sources/partitioned-log.js";
import { rejectedMessages } from "../ordering/dead-messages.js";
import { decodeMessage } from "../ordering/decode-message.js";
import { schemaHeader } from "../ordering/schema-header.js";
import type { ClickRun, ClickStream } from "./click-stream.js";
import { textsOf } from "./unused-label.js";

/**
 * Offsets whose clicks are kept and released together: the position to restart reading from must not depend on how they
 * arrived.
 */
export const BLOCK = 256n;
const WAIT_MS = 100;

export interface ClickPartitionOptions {
  readonly log: PartitionedLog;
  readonly partition: number;
  /** Decodes clicks; its capacity is one block. */
  readonly decoder: Decoder;
  /** Provides the schemas that clicks name; undefined: they name none. */
  readonly schemas?: TopicSchemas | undefined;
  /** Where to begin; and where to end, undefined: never. */
  readonly from: bigint;
  readonly stop: bigint | undefined;
  /** It counts as quiet when nothing has arrived for this long, in ms. */
  readonly quietMs: number;
  readonly clock: Clock;
  /** Messages are of several types, and not all are clicks. */
  readonly typed?: boolean;
  /** Number of a click's values that the decoder keeps. Default: none. */
  readonly values?: number;
  /** Keep rejected clicks in full. */
  readonly whole?: boolean;
}

/** A partition of a topic of clicks. */
export class ClickPartition implements ClickStream {
  readonly start: string;
  private readonly options: ClickPartitionOptions;
  private at: bigint;
  private readonly openedMs: number;

  constructor(options: ClickPartitionOptions) {
    this.options = options;
    this.start = String(options.from);
    this.at = options.from;
    this.openedMs = options.clock.now();
  }

  async next(): Promise<ClickRun | "end" | "quiet"> {
    const { log, partition, stop } = this.options;
    for (;;) {
      if (stop !== undefined && this.at >= stop) return "end";
      const chunk = log.head(partition);
      if (chunk && chunk.next <= this.at) log.shift(partition);
      else if (chunk) {
        const run = await this.read(chunk);
        if (run) return run;
      } else {
        await log.wait(WAIT_MS);
        if (this.isQuiet) return "quiet";
      }
    }
  }

  private get isQuiet(): boolean {
    const { log, partition, quietMs, clock } = this.options;
    const since = Math.max(this.openedMs, log.heardMs(partition));
    return log.idle(partition, this.at) && clock.now() - since >= quietMs;
  }

  /** Decodes the available messages of the current block. @returns null if a gap extends beyond it */
  private async read({ messages, next }: Chunk): Promise<ClickRun | null> {
    const { stop, from: begin, decoder, schemas } = this.options;
    const { offsets, length } = messages;
    const block = this.at - (this.at % BLOCK);
    const end = block + BLOCK;
    const from = firstFrom(messages, this.at);
    const to = firstFrom(messages, stop !== undefined && stop < end ? stop : end);
    await schemas?.need(messages, [from, to], schemaHeader);
    this.at = to < length ? BigInt(offsets[to]) : next;
    if (to <= from) return null;
    for (let i = from; i < to; i++) decodeMessage(decoder, messages, i);
    // Nothing before the offset that reading began at is needed.
    return this.take(String(block > begin ? block : begin), messages);
  }

  private take(place: string, messages: Messages): ClickRun {
    const { log, partition, decoder, whole = false } = this.options;
    const { batch, rejects, kept } = decoder.take();
    const { idHalves: ids, times, labels } = new Batch(batch.layout, batch.rows, batch.buffer);
    const others = this.options.typed ? labels.map((label) => 1 - label) : undefined;
    const at = { topic: log.topic, partition, messages, whole };
    return {
      place,
      rows: batch.rows,
      ids,
      times,
      others,
      texts: textsOf(kept, this.options.values ?? 0),
      rejects: rejectedMessages(rejects, at),
    };
  }
}
