import { Rng } from "../../core/rng.js";
import type { Impression } from "./impression.js";
import { exp } from "./math.js";

/** Median delay between an impression and its click, in ms. */
const MEDIAN_MS = 20_000;
/** Standard deviation of the delay's logarithm. */
const SPREAD = 1.4;
/** Seed of a separate random stream, so that impressions are the same with and without a click log. */
const DELAYS = 0x5bd1e995;

/** A reported click: the event's number, and the time. */
export interface Click {
  readonly event: number;
  /** ms since the epoch. */
  readonly time: number;
}

/** Generates clicks with log-normal delays, sorted by time. A click after the window is never reported. */
export class DelayedClicks {
  private readonly rng: Rng;
  private readonly window: number;
  /** Binary heap by time, earliest click first. */
  private readonly waiting: Click[] = [];

  /** @param window ms */
  constructor(seed: number, window: number) {
    this.rng = new Rng((seed ^ DELAYS) >>> 0);
    this.window = window;
  }

  /** Adds a click on this impression. @returns whether it will be reported */
  add({ event, time }: Impression): boolean {
    const u = () => this.rng.uniform();
    const normal = (u() + u() + u() + u() - 2) * 1.7320508075688772;
    const delay = Math.round(MEDIAN_MS * exp(SPREAD * normal));
    if (delay > this.window) return false;
    this.push({ event, time: time + delay });
    return true;
  }

  /** The next click that comes before `time`, if there is one. */
  next(time: number): Click | undefined {
    const [first] = this.waiting;
    if (!first || first.time >= time) return undefined;
    const last = this.waiting.pop()!;
    if (this.waiting.length > 0) this.sink(last);
    return first;
  }

  private push(click: Click): void {
    const heap = this.waiting;
    let at = heap.push(click) - 1;
    for (let up = (at - 1) >> 1; at > 0 && before(click, heap[up]); at = up, up = (at - 1) >> 1) heap[at] = heap[up];
    heap[at] = click;
  }

  /** Replaces the root of the heap by a click. */
  private sink(click: Click): void {
    const heap = this.waiting;
    let at = 0;
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && before(heap[child + 1], heap[child])) child++;
      if (!before(heap[child], click)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = click;
  }
}

function before(a: Click, b: Click): boolean {
  return a.time < b.time || (a.time === b.time && a.event < b.event);
}
