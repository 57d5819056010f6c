import { Batch } from "../../core/batch.js";
import { HashbrookError } from "../../core/errors.js";
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

/** One lane's events of a round, and where they end. */
export interface LaneEvents extends Pick<DecodedBatch, "distinct" | "rejects" | "schemas" | "tombstones"> {
  readonly batch: Batch;
  /** The lane's own: its partitions numbered from 0. */
  readonly position: TopicPosition;
  /** Nothing follows before the topic's stops. */
  readonly ended: boolean;
}

/** What a lane's reader begins with. */
export interface LaneStart {
  readonly lane: number;
  /** Where the lane's next round begins. */
  readonly position: TopicPosition;
  /** Of all partitions; null: never. */
  readonly stops: readonly bigint[] | null;
  /** Schemas that events before it have named. */
  readonly schemas: KnownSchemas;
}

/** Reads a lane's partitions, merged as one trainer merges a topic's, a round at a time. */
export class LaneReader {
  private readonly view: LaneView;
  private readonly stops: readonly bigint[] | null;
  private readonly decoder: Decoder;
  private readonly schemas: TopicSchemas | null;
  private readonly batch: OpenBatch;
  /** Events of the round at hand, at most. */
  private rows: number;
  private merge: Merge;
  /** Where the round begins whose events are read now. */
  private start: TopicPosition;
  /** These events, where they are whole before they are asked for. */
  private ahead: LaneEvents | null = null;

  constructor({ spec, topic, deadLetters }: Job, log: PartitionedLog, { lane, position, stops, schemas }: LaneStart) {
    const { count, round } = spec.lanes!;
    const view = new LaneView(log, lane, count);
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

  /** True where what is read next, or was read ahead, is the round that begins at `position`. */
  isAt(position: TopicPosition): boolean {
    const { offsets, turn } = this.start;
    return offsets.join() === position.offsets.join() && turn === position.turn;
  }

  /** The next round has so many events: `train.round`, or fewer. */
  expect(rows: number): void {
    this.rows = rows;
  }

  /** Messages are there that the next round could have. */
  get atHand(): boolean {
    const { view } = this;
    if (this.ahead || this.batch.messages > 0) return true;
    return Array.from({ length: view.partitions }, (_, p) => p).some((p) => view.head(p));
  }

  /**
   * Goes to where another one's round ended. What lies before it is let go.
   * @throws lanes_displaced where this reader has let go of what lies behind it
   */
  goTo(position: TopicPosition): void {
    const ahead = this.merge.position.offsets.some((offset, p) => BigInt(offset) > BigInt(position.offsets[p]));
    if (ahead)
      throw new HashbrookError(
        "lanes_displaced",
        `topic ${this.view.topic}: another process ended a lane's round earlier`,
        {
          hint: "begin this process again with --resume: it reads on from there",
        },
      );
    if (this.batch.messages > 0) this.taken();
    this.merge = this.mergeFrom(position);
    this.start = position;
    this.ahead = null;
    for (const [p, offset] of position.offsets.entries())
      for (let head = this.view.head(p); head && head.next <= BigInt(offset); head = this.view.head(p))
        this.view.shift(p);
  }

  /**
   * The round's events once they are whole, or time is up; null: there is nothing more at hand.
   * @throws as `TopicSchemas.need`
   */
  async poll(due: boolean): Promise<LaneEvents | null> {
    const events = this.ahead ?? (await this.read(due));
    this.ahead = null;
    if (events) this.start = events.position;
    return events;
  }

  /** What `poll` will give for the round behind the last one polled, of so many events, once that is whole. @throws as `poll` */
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
