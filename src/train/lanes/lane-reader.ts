import { Batch } from "../../core/batch.js";
import { Decoder } from "../../decode/decoder.js";
import { type KnownSchemas, TopicSchemas } from "../../schema-registry/topic-schemas.js";
import type { PartitionedLog } from "../../sources/partitioned-log.js";
import type { Job } from "../job.js";
import { Merge, type TopicPosition } from "../ordering/merge.js";
import { OpenBatch } from "../ordering/open-batch.js";
import { schemaHeader } from "../ordering/schema-header.js";
import type { DecodedBatch } from "../stream.js";
import { LaneView } from "./lane-view.js";
import { MOST_REJECTED } from "./record.js";

/** One lane's events of a round, and the position after them. */
export interface LaneEvents extends Pick<DecodedBatch, "distinct" | "rejects" | "schemas" | "tombstones"> {
  readonly batch: Batch;
  /** Position in the lane's own partitions, numbered from 0. */
  readonly position: TopicPosition;
  /** True if the lane has no more events before the topic's stop offsets. */
  readonly ended: boolean;
}

/** Initial state of a lane's reader. */
export interface LaneStart {
  readonly lane: number;
  /** Start of the lane's next round. */
  readonly position: TopicPosition;
  /** Stop offsets (exclusive) of all partitions of the topic; null: no end. */
  readonly stops: readonly bigint[] | null;
  /** Schemas named by events before the position. */
  readonly schemas: KnownSchemas;
}

/** Reads a lane's partitions round by round, merged like the partitions of a topic in a single trainer. */
export class LaneReader {
  private readonly view: LaneView;
  private readonly stops: readonly bigint[] | null;
  private readonly decoder: Decoder;
  private readonly schemas: TopicSchemas | null;
  private readonly batch: OpenBatch;
  /** Maximum number of events in the current round. */
  private rows: number;
  private merge: Merge;
  /** Start of the round that is being read. */
  private start: TopicPosition;
  /** The events of that round, if they were read ahead of `poll`. */
  private ahead: LaneEvents | null = null;

  constructor({ spec, topic, deadLetters }: Job, log: PartitionedLog, { lane, position, stops, schemas }: LaneStart) {
    const { count, round } = spec.lanes!;
    const view = new LaneView(log, lane, count, position.offsets.length);
    this.view = view;
    this.rows = round;
    this.stops = stops && view.of(stops);
    this.decoder = new Decoder(spec, { capacity: round, watch: false });
    this.schemas = this.decoder.schemas ? new TopicSchemas(this.decoder.schemas, topic!.registry, schemas) : null;
    this.batch = new OpenBatch(this.decoder, {
      topic: log.topic,
      whole: deadLetters !== null,
      partitionOf: (partition) => view.place(partition),
      mostRejected: MOST_REJECTED,
    });
    this.merge = this.mergeFrom(position);
    this.start = position;
  }

  private mergeFrom(position: TopicPosition): Merge {
    return new Merge(this.view, position, [], this.stops, position.offsets.map(BigInt));
  }

  /** Whether the round that is being read, or was read ahead, starts at `position`. */
  isAt(position: TopicPosition): boolean {
    const { offsets, turn } = this.start;
    return offsets.join() === position.offsets.join() && turn === position.turn;
  }

  /** Sets the maximum number of events in the next round: `train.round`, or fewer during warm-up. */
  expect(rows: number): void {
    this.rows = rows;
  }

  /** Whether messages for the next round have arrived. */
  get atHand(): boolean {
    const { view } = this;
    if (this.ahead || this.batch.messages > 0) return true;
    return Array.from({ length: view.partitions }, (_, p) => p).some((p) => view.head(p));
  }

  /**
   * Continues where another process ended the lane's round: drops what was read ahead, and all messages before that.
   * Messages after it that were consumed are read again.
   */
  goTo(position: TopicPosition): void {
    if (this.batch.messages > 0) this.taken();
    for (const [p, offset] of this.merge.position.offsets.entries())
      this.goToOffset(p, BigInt(position.offsets[p]), BigInt(offset));
    this.merge = this.mergeFrom(position);
    this.start = position;
    this.ahead = null;
  }

  private goToOffset(partition: number, offset: bigint, consumed: bigint): void {
    const { view } = this;
    if (consumed > offset) view.rewind(partition, offset);
    else
      for (let head = view.head(partition); head && head.next <= offset; head = view.head(partition))
        view.shift(partition);
  }

  /**
   * The round's events once it is complete; if `due`, those that have arrived. null: not complete yet.
   * @throws HashbrookError as `TopicSchemas.need`
   */
  async poll(due: boolean): Promise<LaneEvents | null> {
    const events = this.ahead ?? (await this.read(due));
    this.ahead = null;
    if (events) this.start = events.position;
    return events;
  }

  /**
   * Reads ahead the round after the last one polled, of at most `rows` events; the next `poll` returns it.
   * @returns null if the round is not complete yet
   * @throws HashbrookError as `poll`
   */
  async lookAhead(rows: number): Promise<LaneEvents | null> {
    this.expect(rows);
    this.ahead ??= await this.read(false);
    return this.ahead;
  }

  private async read(due: boolean): Promise<LaneEvents | null> {
    if (this.view.partitions === 0) return this.stops !== null || due ? this.take() : null;
    for (;;) {
      const next = this.merge.next(false);
      if (next === "end") return this.take();
      if (next === "wait" || next === "close") return due ? this.take() : null;
      await this.schemas?.need(next.messages, [next.from, next.to], schemaHeader);
      const { count, full } = this.batch.decode(next, this.rows);
      this.merge.take(next, count);
      if (full) return this.take();
    }
  }

  private take(): LaneEvents {
    const { stops } = this;
    const { position } = this.merge;
    const { rows, buffer, distinct, rejects, schemas, tombstones } = this.taken();
    const batch = new Batch(this.decoder.layout, rows, buffer);
    const ended = stops?.every((stop, p) => BigInt(position.offsets[p]) >= stop) ?? false;
    return {
      batch,
      distinct,
      rejects,
      ...(schemas && { schemas }),
      ...(tombstones && { tombstones }),
      position,
      ended,
    };
  }

  private taken(): DecodedBatch {
    return this.batch.take(this.merge, new ArrayBuffer(this.decoder.layout.bytes));
  }
}
