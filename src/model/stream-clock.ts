import type { Batch } from "../core/batch.js";
import { type Block, bytesOf, type SavedBlocks, savedNumbers } from "../core/blocks.js";
import { insideOf, kindOf } from "../encodings/index.js";
import type { CompiledSpec } from "../spec/compiled.js";
import { NO_TIME, type StreamTime } from "../tables/encoding.js";
import type { EncodingBase } from "../tables/spec.js";

const BLOCK = "model/clock";
/** Number of event times that determine the clock. */
const TIMES = 63;
/** The clock starts after this many. */
const FEW = 5;
const DAY = 86_400_000;

/** f64 of the block before the times: time, examples, step, clipped, and the position of the next time. */
const HEAD = 5;

/** Events, and their times. */
type Timed = Pick<Batch, "rows" | "times">;

/**
 * The position of a model in its stream: event time, and the number of examples. It is part of the model's state if ids expire
 * or are admitted by it.
 *
 * The clock shows the median of the last 63 event times (for a larger batch, of 63 spread evenly over it), never goes back, and
 * starts with the fifth: half of them must be wrong to move it. A batch moves it by a day at most; if that was not enough the
 * next one may move it twice as far, otherwise the limit is halved again: a gap of 30 days takes five batches. While it lags,
 * rows merely expire later.
 */
export class StreamClock {
  /** Whether any table depends on the clock or on the number of events. */
  private readonly saved: boolean;
  private time = 0;
  private examples = 0;
  /** How far the next batch may move it, in milliseconds. */
  private step = DAY;
  /** Event times more than a step ahead of the clock. */
  clipped = 0;
  /** The last times, in a ring: `next` is overwritten next. */
  private times: number[] = [];
  private next = 0;

  constructor(spec: CompiledSpec) {
    this.saved = spec.tables.some((table) => goesByClock(table) || table.nested !== undefined);
  }

  /** Whether anything depends on it. */
  get goes(): boolean {
    return this.saved;
  }

  /** Events learned so far; counted only if something depends on it. */
  get events(): number {
    return this.examples;
  }

  /** The clock for a batch about to be learned, its own events' times included. Constant if nothing depends on it. */
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

  /** Older checkpoints have only the time and the examples. */
  restore(blocks: SavedBlocks): void {
    if (!this.saved || !blocks.has(BLOCK)) return;
    const [time, examples, step = DAY, clipped = 0, next = 0, ...times] = savedNumbers(blocks, BLOCK, { each: 8 });
    this.time = time;
    this.examples = examples;
    this.step = step;
    this.clipped = clipped;
    this.next = next;
    this.times = times;
  }

  /** The last times including a batch's. */
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

/** Whether what a table does depends on the clock. */
function goesByClock(spec: EncodingBase): boolean {
  const { admission, eviction, encoding } = spec;
  if (admission !== undefined || eviction !== undefined || kindOf(encoding).timed) return true;
  const inside = insideOf(spec);
  return inside !== undefined && goesByClock(inside);
}
