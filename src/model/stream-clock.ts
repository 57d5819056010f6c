import type { Batch } from "../core/batch.js";
import { type Block, bytesOf, type SavedBlocks, savedNumbers } from "../core/blocks.js";
import type { CompiledSpec, EncodingSpec } from "../spec/compiled.js";
import { NO_TIME, type StreamTime } from "../tables/encoding.js";

const BLOCK = "model/clock";
/** Event times that the clock goes by. */
const TIMES = 63;
/** It does not begin before so many. */
const FEW = 5;
const DAY = 86_400_000;

/** f64 of the block in front of the times: time, examples, step, clipped, and where the next time goes. */
const HEAD = 5;

/** Events, and their times. */
type Timed = Pick<Batch, "rows" | "times">;

/**
 * Where the stream is that a model learns: event time, and the examples so far. It is part of the model's state where ids come and
 * go by it.
 *
 * The clock shows the median of the last 63 event times (of 63 spread evenly over a larger batch), never goes back, and begins with
 * the fifth: half of them must be wrong to move it. A batch moves it by a day at most; where that was not enough the next one may move it twice as
 * far, else half as far again: a gap of 30 days takes five batches. What lags only expires later.
 */
export class StreamClock {
  /** Whether any table goes by the clock, or by the numbers of events. */
  private readonly saved: boolean;
  private time = 0;
  private examples = 0;
  /** What the next batch may move it, in milliseconds. */
  private step = DAY;
  /** Event times more than a step ahead of the clock. */
  clipped = 0;
  /** The last times, oldest anywhere: `next` is overwritten next. */
  private times: number[] = [];
  private next = 0;

  constructor(spec: CompiledSpec) {
    this.saved = spec.tables.some((table) => goesByClock(table) || table.nested !== undefined);
  }

  /** Whether anything goes by it. */
  get goes(): boolean {
    return this.saved;
  }

  /** Events learned so far, counted where something goes by it. */
  get events(): number {
    return this.examples;
  }

  /** The clock for a batch about to be learned: its own events' times included. It stands still where nothing goes by it. */
  before(batch: Timed): StreamTime {
    if (!this.saved) return NO_TIME;
    return { time: this.moved(this.with(batch).times).time, examples: this.examples };
  }

  /** Counts a batch that was learned. */
  count(batch: Timed): void {
    if (!this.saved) return;
    ({ times: this.times, next: this.next } = this.with(batch));
    ({ time: this.time, step: this.step } = this.moved(this.times));
    if (this.time > 0) for (const time of batch.times) if (time > this.time + this.step) this.clipped++;
    this.examples += batch.rows;
  }

  blocks(): Block[] {
    if (!this.saved) return [];
    const head = [this.time, this.examples, this.step, this.clipped, this.next];
    const data = bytesOf(Float64Array.from([...head, ...this.times]));
    return [{ name: BLOCK, dtype: "F64", shape: [HEAD + this.times.length], data }];
  }

  /** Checkpoints of old have the time and the examples alone. */
  restore(blocks: SavedBlocks): void {
    if (!this.saved || !blocks.has(BLOCK)) return;
    const [time, examples, step = DAY, clipped = 0, next = 0, ...times] = savedNumbers(blocks, BLOCK, { each: 8 });
    [this.time, this.examples, this.step, this.clipped, this.next] = [time, examples, step, clipped, next];
    this.times = times;
  }

  /** The last times once a batch's have come. */
  private with(batch: Timed): { times: number[]; next: number } {
    const times = this.times.slice();
    let { next } = this;
    const spread = Math.max(1, batch.rows / TIMES);
    for (let i = 0; Math.floor(i) < batch.rows; i += spread) {
      const time = batch.times[Math.floor(i)];
      if (!(time > 0)) continue;
      times[next] = time;
      next = (next + 1) % TIMES;
    }
    return { times, next };
  }

  private moved(times: readonly number[]): { time: number; step: number } {
    const { time } = this;
    if (times.length < FEW) return { time, step: DAY };
    const median = times.toSorted((a, b) => a - b)[(times.length - 1) >> 1];
    if (time === 0) return { time: median, step: DAY };
    if (median <= time + this.step) return { time: Math.max(time, median), step: Math.max(DAY, this.step / 2) };
    return { time: time + this.step, step: 2 * this.step };
  }
}

function goesByClock({ admission, eviction, hot_cold }: EncodingSpec): boolean {
  return admission !== undefined || eviction !== undefined || hot_cold !== undefined;
}
