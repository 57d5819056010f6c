import { Batch } from "../../core/batch.js";
import type { Clock } from "../../core/clock.js";
import { Decoder } from "../../decode/decoder.js";
import type { Membership } from "../../sources/kafka/membership.js";
import { beginTopic, joinTopic, type TopicSpec } from "../../sources/kafka/open-topic.js";
import type { Chunk, PartitionedLog } from "../../sources/partitioned-log.js";
import type { CompiledSpec, JoinSpec } from "../../spec/compiled.js";
import { clickSpec } from "./click-files.js";
import type { ClickPlace, ClickRun, ClickSource, ClickStream } from "./click-stream.js";
import type { JoinState } from "./joiner.js";
import { refuseShortRetention } from "./retention.js";

/** Offsets whose clicks are held and given up together: where reading begins anew must not depend on how they came to hand. */
const BLOCK = 256;
const WAIT_MS = 100;

/** What a topic of clicks is read with. */
export interface ClickTopicOptions {
  readonly spec: CompiledSpec;
  readonly join: JoinSpec;
  readonly topic: TopicSpec;
  /** A partition that has told nothing for so long, in ms, is quiet. */
  readonly quietMs: number;
  readonly clock: Clock;
  readonly membership: Membership;
}

/** Clicks in a topic, a partition a stream. */
export class ClickTopic implements ClickSource {
  readonly log: PartitionedLog;
  readonly fingerprints: readonly string[];
  private readonly options: ClickTopicOptions;
  private readonly offsets: readonly bigint[];
  private readonly stops: readonly bigint[] | null;
  private readonly decoder: Decoder;

  private constructor(
    options: ClickTopicOptions,
    log: PartitionedLog,
    offsets: readonly bigint[],
    stops: readonly bigint[] | null,
  ) {
    this.options = options;
    this.log = log;
    this.offsets = offsets;
    this.stops = stops;
    this.fingerprints = [`kafka:${log.topic}`];
    this.decoder = new Decoder(clickSpec(options.spec, options.join), {
      capacity: BLOCK,
      unlabelled: true,
      distinct: false,
      watch: false,
    });
  }

  /**
   * Joins the topic's group and begins to read, where a checkpoint was taken or where the topic's spec says.
   * @throws kafka_unreachable, kafka_auth, kafka_topic_missing, offsets_lost, stream_changed
   */
  static async open(options: ClickTopicOptions, state: JoinState | null): Promise<ClickTopic> {
    const log = await joinTopic(options.topic, options.membership);
    try {
      await refuseShortRetention(log.admin, options.topic.topic, options.join);
      const places = state?.streams.map(({ place }) => BigInt(place ?? 0)) ?? null;
      const { offsets, stops } = await beginTopic(log, options.topic, places && { offsets: places, last: [] });
      return new ClickTopic(options, log, offsets, stops);
    } catch (error) {
      await log.close();
      throw error;
    }
  }

  get streams(): number {
    return this.log.partitions;
  }

  async open(partition: number, _place: ClickPlace | null): Promise<ClickStream> {
    let next = this.offsets[partition];
    let heardAt = this.options.clock.now();
    const { log, stops } = this;
    const run = async (): ReturnType<ClickStream["next"]> => {
      for (;;) {
        const chunk = log.head(partition);
        if (chunk && chunk.next > next) {
          const read = this.read(partition, chunk, next);
          next = read.next;
          heardAt = this.options.clock.now();
          if (read.run) return read.run;
        } else if (chunk) log.shift(partition);
        else if (stops && next >= stops[partition]) return "end";
        else if (log.idle(partition, next) && this.options.clock.now() - heardAt >= this.options.quietMs) {
          await log.wait(WAIT_MS);
          if (!log.head(partition)) return "quiet";
        } else await log.wait(WAIT_MS);
      }
    };
    return { next: run };
  }

  close(): Promise<void> {
    return this.log.close();
  }

  /** Decodes what is at hand of the block at an offset. */
  private read(
    partition: number,
    { messages, next: end }: Chunk,
    next: bigint,
  ): { run: ClickRun | null; next: bigint } {
    const block = next / BigInt(BLOCK);
    const last = Number((block + 1n) * BigInt(BLOCK));
    const { bytes, starts, ends, offsets, length } = messages;
    const { decoder } = this;
    let at = offsets.subarray(0, length).findIndex((offset) => offset >= Number(next));
    if (at < 0) return { run: null, next: end };
    const stop = Number(this.stops?.[partition] ?? Number.POSITIVE_INFINITY);
    // A gap may reach beyond the block.
    if (offsets[at] >= last) return { run: null, next: BigInt(offsets[at]) };
    for (; at < length && offsets[at] < last && offsets[at] < stop; at++)
      decoder.message(bytes, starts[at], ends[at], offsets[at]);
    const behind = at < length ? BigInt(offsets[at]) : end;
    return { run: this.take(partition, this.placeOf(partition, block * BigInt(BLOCK))), next: behind };
  }

  /** A block's place: nothing before the offset that reading began at is needed. */
  private placeOf(partition: number, start: bigint): ClickPlace {
    const first = this.offsets[partition];
    return String(start > first ? start : first);
  }

  private take(partition: number, place: ClickPlace): ClickRun {
    const { batch, rejects } = this.decoder.take();
    const { rows } = batch;
    const { idHalves: ids, times } = new Batch(batch.layout, rows, batch.buffer);
    const file = `${this.log.topic}[${partition}]`;
    return { place, rows, ids, times, rejects: rejects.map((reject) => ({ ...reject, file })) };
  }
}
