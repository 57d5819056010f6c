import { wallTime } from "../../core/clock.js";

/** Number of requests, and their total time in ns. */
export interface Totals {
  count: number;
  ns: number;
}

/** Statistics of one model's answers. */
export interface Answered {
  last: number;
  candidates: number;
  readonly success: Totals;
  readonly fail: Totals;
}

const none = (): Answered => ({ last: 0, candidates: 0, success: { count: 0, ns: 0 }, fail: { count: 0, ns: 0 } });

/** Counts the score requests of every model. */
export class AnswerCounts {
  private readonly byModel = new Map<string, Answered>();

  of(model: string): Readonly<Answered> {
    return this.byModel.get(model) ?? none();
  }

  /** @param ms from the request's arrival to its answer */
  add(model: string, status: number, candidates: number, ms: number): void {
    const answered = this.byModel.get(model) ?? none();
    this.byModel.set(model, answered);
    const totals = status < 400 ? answered.success : answered.fail;
    totals.count++;
    totals.ns += Math.round(ms * 1e6);
    answered.candidates += candidates;
    if (status < 400) answered.last = wallTime();
  }
}
