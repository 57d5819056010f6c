import type { Batch } from "../../core/batch.js";
import type { CompiledSpec } from "../../spec/compiled.js";
import type { Warning } from "../metrics/report.js";

/** Events that are looked at together. */
const BLOCK = 256;
/** Their time is the median of this many event times, so that single outliers do not matter. */
const TIMES = 15;
/** Events that are late by less than this share of the time of all events are in order: several machines write a log. */
const TOLERATED = 0.1;
/** Up to this share of the events may be later than that. */
const FEW = 0.01;
const HINT =
  "every event is scored before it is learned, here by a model that has learned later ones: sort the events by time, and list files in that order (those of a pattern go by name, part-10 before part-2)";

/** Detects events that are not in the order of time, as files in another order are. */
export class TimeOrder {
  /** Where events have their times; null: they have none. */
  private readonly from: string | null;
  private earliest = Number.POSITIVE_INFINITY;
  private newest = 0;
  private rows = 0;
  /** Events by the binary logarithm of the milliseconds by which their block is behind earlier ones. */
  private readonly behind = new Float64Array(64);

  constructor({ label }: CompiledSpec) {
    this.from = label.time?.from ?? null;
  }

  add({ times }: Batch): void {
    if (this.from === null) return;
    for (let at = 0; at < times.length; at += BLOCK) this.addBlock(times.subarray(at, at + BLOCK));
  }

  private addBlock(times: Float64Array): void {
    const time = middleTime(times);
    if (time <= 0) return;
    this.rows += times.length;
    if (time < this.newest) this.behind[Math.max(0, Math.floor(Math.log2(this.newest - time)))] += times.length;
    this.newest = Math.max(this.newest, time);
    this.earliest = Math.min(this.earliest, time);
  }

  /** A warning if many events come late. */
  warnings(): Warning[] {
    const tolerated = TOLERATED * (this.newest - this.earliest);
    const late = this.behind.reduce((sum, rows, log) => sum + (2 ** log >= tolerated ? rows : 0), 0);
    if (late <= FEW * this.rows) return [];
    const share = ((100 * late) / this.rows).toFixed(1);
    const message = `${this.from}: ${share} % of the events come after events that are much later: they are not in the order of time`;
    return [{ code: "not_in_order", field: this.from, message, hint: HINT }];
  }
}

/** The median of some event times; 0: there are none. */
export function middleTime(times: Float64Array): number {
  const some = Float64Array.from({ length: Math.min(TIMES, times.length) }, (_, i) => {
    return times[Math.floor((i * times.length) / Math.min(TIMES, times.length))];
  });
  return some.sort()[some.length >> 1] ?? 0;
}
