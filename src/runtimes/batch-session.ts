import { milliseconds, PROBES, Probe } from "./probe.js";
import type { Session, Views } from "./runtime.js";

/** Milliseconds in one thread after which a session with more threads is worth creating: short runs need none. */
const SHORT_MS = 100;
/**
 * Additional threads must be this much faster. Fastest runs are compared, and others gain less: the decoding thread needs a
 * processor too. Two threads that were 1.16 times as fast did not shorten training, and took 46 % more processor time.
 */
const WORTH = 1.25;
/** Runs compared when the question is asked again: the bits are known to be the same. */
const AGAIN = 8;
/** Batches until then, if one thread or several were chosen; twice as many each time. One thread where two are faster costs most. */
const BATCHES = { one: 256, several: 4096 };

/** What a session runs. */
export interface Batches {
  /** The input whose first dimension is the number of rows. */
  readonly input: string;
  /** Rows of a whole batch. */
  readonly rows: number;
  /** The largest number of threads. */
  readonly threads: number;
}

/**
 * Runs whole batches with the largest number of threads that gives the bits of one thread and is worthwhile. The first batches run on
 * one, for SHORT_MS or PROBES batches; the following ones also run on more, to compare. Another number of threads cuts matrix products at
 * other points, which can change the order of additions. The comparison is repeated, ever less often: a trainer runs for days, and
 * another process may have been busy for the second in which it was made.
 */
export class BatchSession implements Session {
  private readonly batches: Batches;
  private readonly single: Session;
  private readonly create: (threads: number) => Session;
  /** The largest number of threads that has not given other bits than one. */
  private most: number;
  /** Those of `several`, or to compare next. */
  private threads: number;
  private several: Session | null = null;
  private probe: Probe | null = null;
  /** The first runs: their number and milliseconds. */
  private first = 0;
  private spent = 0;
  /** Answers so far, and whole batches until the question is asked again. */
  private answers = 0;
  private left = 0;

  /** @param create a session with a number of threads */
  constructor(batches: Batches, single: Session, create: (threads: number) => Session) {
    this.batches = batches;
    this.most = this.threads = batches.threads;
    this.single = single;
    this.create = create;
  }

  async run(feeds: Views, fetches: Views): Promise<void> {
    const whole = feeds[this.batches.input]?.shape[0] === this.batches.rows;
    if (!whole || this.most === 1) return this.single.run(feeds, fetches);
    if (this.isShort) return this.runFirst(feeds, fetches);
    if (this.left > 0) return this.runChosen(feeds, fetches);
    this.several ??= this.create(this.threads);
    this.probe ??= new Probe(this.single, this.several, this.answers === 0 ? PROBES : AGAIN);
    await this.probe.run(feeds, fetches);
    if (this.probe.ended) await this.decide(this.probe.speedup);
  }

  private get isShort(): boolean {
    return this.first < PROBES && this.spent < SHORT_MS;
  }

  private async runFirst(feeds: Views, fetches: Views): Promise<void> {
    this.first++;
    this.spent += await milliseconds(this.single, feeds, fetches);
  }

  private runChosen(feeds: Views, fetches: Views): Promise<void> {
    this.left--;
    return (this.several ?? this.single).run(feeds, fetches);
  }

  /** Keeps this number of threads, or compares half of it. */
  private async decide(speedup: number): Promise<void> {
    this.probe = null;
    if (speedup <= WORTH) {
      await this.several?.release();
      this.several = null;
      this.threads = Math.floor(this.threads / 2);
      if (speedup === 0) this.most = this.threads;
      if (this.threads > 1) return;
      this.threads = this.most;
    }
    this.left = (this.several ? BATCHES.several : BATCHES.one) * 2 ** this.answers++;
  }

  async release(): Promise<void> {
    await this.several?.release();
    await this.single.release();
  }
}
