import { systemClock } from "../core/clock.js";
import type { Session, TensorView, Views } from "./runtime.js";

/**
 * Runs compared. A different order of addition changed 22 % to 54 % of the affected sums in the runs measured, so it would go
 * unnoticed with a probability of 0.78^32 = 0.0004 if it affected only one number, and a much smaller one for a matrix.
 */
export const PROBES = 32;

/**
 * Compares session `b` with `a` over runs that `a` has to do anyway: both do each of them, and the caller gets `a`'s results,
 * so that only `b`'s runs are additional work.
 */
export class Probe {
  private readonly a: Session;
  private readonly b: Session;
  private readonly most: number;
  private readonly fastest = { a: Number.POSITIVE_INFINITY, b: Number.POSITIVE_INFINITY };
  private scratch: Views | null = null;
  private runs = 0;
  private sameBits = true;

  /** @param most runs to compare */
  constructor(a: Session, b: Session, most = PROBES) {
    this.a = a;
    this.b = b;
    this.most = most;
  }

  /** Runs both. `fetches` get the results of `a`. */
  async run(feeds: Views, fetches: Views): Promise<void> {
    this.scratch ??= copies(fetches);
    this.runs++;
    this.fastest.a = Math.min(this.fastest.a, await milliseconds(this.a, feeds, fetches));
    this.fastest.b = Math.min(this.fastest.b, await milliseconds(this.b, feeds, this.scratch));
    for (const name in fetches) this.sameBits &&= bytes(fetches[name]).equals(bytes(this.scratch[name]));
  }

  /** Whether there is nothing left to compare: after the runs asked for, or once a bit differed. */
  get ended(): boolean {
    return !this.sameBits || this.runs >= this.most;
  }

  /** How many times as fast as `a` session `b` is (by their fastest runs), or 0 if they do not give the same bits. */
  get speedup(): number {
    return this.sameBits ? this.fastest.a / this.fastest.b : 0;
  }
}

/** How long a run takes. */
export async function milliseconds(session: Session, feeds: Views, fetches: Views): Promise<number> {
  const started = systemClock.now();
  await session.run(feeds, fetches);
  return systemClock.now() - started;
}

function copies(views: Views): Views {
  return Object.fromEntries(
    Object.entries(views).map(([name, { data, shape }]) => [name, { data: new Float32Array(data.length), shape }]),
  );
}

function bytes({ data }: TensorView): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
