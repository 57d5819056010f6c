import type { Batch } from "../../core/batch.js";
import { HashbrookError } from "../../core/errors.js";
import { Decoder, type Reject } from "../../decode/decoder.js";
import type { PartitionedLog } from "../../sources/partitioned-log.js";
import type { CompiledSpec } from "../../spec/compiled.js";
import { Merge, type MessageRun, type TopicPosition } from "../ordering/merge.js";
import type { RejectedRow } from "../rejects.js";
import { LaneView } from "./lane-view.js";

/** One lane's events of a round, and where they end. */
export interface LaneEvents {
  readonly batch: Batch;
  readonly distinct: Uint32Array;
  readonly rejects: readonly RejectedRow[];
  /** The lane's own: its partitions numbered from 0. */
  readonly position: TopicPosition;
  /** Nothing follows before the topic's stops. */
  readonly ended: boolean;
}

/** A batch of nothing but rejected messages is closed after so many of them. */
const MOST_MESSAGES = 1 << 16;

/** Reads a lane's partitions, merged as one trainer merges a topic's, a round at a time. */
export class LaneReader {
  /** Messages taken for the round at hand. */
  messages = 0;
  private readonly view: LaneView;
  private readonly stops: readonly bigint[] | null;
  private readonly decoder: Decoder;
  private merge: Merge;
  private rejects: RejectedRow[] = [];

  /** @param position where the lane's next round begins @param stops of all partitions; null: never */
  constructor(
    spec: CompiledSpec,
    log: PartitionedLog,
    lane: number,
    position: TopicPosition,
    stops: readonly bigint[] | null,
  ) {
    const { count, round } = spec.lanes!;
    this.view = new LaneView(log, lane, count);
    this.stops = stops && this.view.of(stops);
    this.decoder = new Decoder(spec, { capacity: round, watch: false });
    this.merge = this.mergeFrom(position);
  }

  private mergeFrom(position: TopicPosition): Merge {
    return new Merge(this.view, position, [], this.stops, position.offsets.map(BigInt));
  }

  /** True where the lane has read on from `position`, or is there. */
  isAt(position: TopicPosition): boolean {
    return this.merge.position.offsets.join() === position.offsets.join() && this.merge.position.turn === position.turn;
  }

  /** Messages are there that the next round could have. */
  get atHand(): boolean {
    return (
      this.messages > 0 || Array.from({ length: this.view.partitions }, (_, p) => p).some((p) => this.view.head(p))
    );
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
    this.decoder.take(new ArrayBuffer(this.decoder.layout.bytes));
    this.rejects = [];
    this.messages = 0;
    this.merge = this.mergeFrom(position);
    for (const [p, offset] of position.offsets.entries())
      for (let head = this.view.head(p); head && head.next <= BigInt(offset); head = this.view.head(p))
        this.view.shift(p);
  }

  /** The round's events once they are whole, or time is up; null: there is nothing more at hand. */
  poll(due: boolean): LaneEvents | null {
    if (this.view.partitions === 0) return this.take(this.stops !== null || due);
    for (;;) {
      const next = this.merge.next(false);
      if (next === "end") return this.take(true);
      if (next === "wait" || next === "close") return due ? this.take(true) : null;
      const { count, full } = this.decode(next);
      this.merge.take(next, count);
      if (full) return this.take(true);
    }
  }

  private decode(run: MessageRun): { count: number; full: boolean } {
    const { decoder } = this;
    const { bytes, starts, ends, offsets } = run.messages;
    const to = Math.min(run.to, run.from + MOST_MESSAGES - this.messages);
    let at = run.from;
    while (at < to && decoder.rows < decoder.layout.capacity) {
      decoder.message(bytes, starts[at], ends[at], offsets[at]);
      at++;
    }
    this.messages += at - run.from;
    const file = `${this.view.topic}[${run.partition}]`;
    this.rejects.push(...decoder.takeRejects().map((reject: Reject) => ({ ...reject, file })));
    return { count: at - run.from, full: decoder.rows >= decoder.layout.capacity || this.messages >= MOST_MESSAGES };
  }

  private take(whole: boolean): LaneEvents | null {
    if (!whole) return null;
    const { rejects, merge, stops } = this;
    const { batch, distinct } = this.decoder.take(new ArrayBuffer(this.decoder.layout.bytes));
    this.rejects = [];
    this.messages = 0;
    const { position } = merge;
    const ended = stops?.every((stop, p) => BigInt(position.offsets[p]) >= stop) ?? false;
    return { batch, distinct, rejects, position, ended };
  }
}
