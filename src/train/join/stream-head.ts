import type { RejectedRow } from "../stream.js";
import type { ClickPlace, ClickRun, ClickSource, ClickStream } from "./click-stream.js";

/** How far a stream of clicks was read. Plain JSON. */
export interface StreamHeadState {
  /** Right before the oldest run of clicks of which something is in the index; null: nothing was read. */
  readonly place: ClickPlace | null;
  /** The time of the newest click before that place; null where there is none. */
  readonly newest: number | null;
  /** Clicks read from that place on, and rows refused among them. */
  readonly clicks: number;
  readonly rejects: number;
}

/** What is done with a click: halves of its id's hash, its time, and whether it is late. */
export type TakeClick = (low: number, high: number, time: number, late: boolean) => void;

/** A run of clicks of which something may be in the index. */
interface Held {
  readonly place: ClickPlace;
  readonly newest: number;
  clicks: number;
  rejects: number;
  /** Clicks of it that are in the index. */
  live: number;
}

/** The reading end of a stream of clicks. */
export class StreamHead {
  private readonly stream: ClickStream;
  private readonly lateness: number;
  private readonly from: StreamHeadState | null;
  /** The run at hand, and the next click in it. */
  private run: ClickRun | null = null;
  private at = 0;
  private newest: number;
  private readonly held: Held[] = [];
  private rejects: RejectedRow[] = [];
  /** Rows that were refused, and told, before the checkpoint. */
  private told: number;

  private constructor(stream: ClickStream, lateness: number, from: StreamHeadState | null) {
    this.stream = stream;
    this.lateness = lateness;
    this.from = from;
    this.newest = from?.newest ?? Number.NEGATIVE_INFINITY;
    this.told = from?.rejects ?? 0;
  }

  /** Opens a stream where a checkpoint was taken; null: at its beginning. */
  static async open(source: ClickSource, index: number, lateness: number, from: StreamHeadState | null) {
    return new StreamHead(await source.open(index, from?.place ?? null), lateness, from);
  }

  get state(): StreamHeadState {
    const { held, from } = this;
    const [first] = held;
    if (!first) return from ?? { place: null, newest: null, clicks: 0, rejects: 0 };
    const [clicks, rejects] = held.reduce(([c, r], one) => [c + one.clicks, r + one.rejects], [0, 0]);
    return { place: first.place, newest: Number.isFinite(first.newest) ? first.newest : null, clicks, rejects };
  }

  /** Reads on until the clicks in time that are still to come are newer than `time`, or there are no more. */
  async readUntil(time: number, take: TakeClick): Promise<void> {
    while (this.newest - this.lateness <= time && (await this.fill())) {
      while (this.at < this.run!.rows && this.newest - this.lateness <= time) this.read(take);
    }
  }

  /** Reads again what had been read when the checkpoint was taken. */
  async readAgain(take: TakeClick): Promise<void> {
    for (let left = this.from?.clicks ?? 0; left > 0 && (await this.fill()); left--) this.read(take);
  }

  /** The oldest `count` clicks have left the index. */
  forget(count: number): void {
    const { held } = this;
    for (let left = count; left > 0 || (held.length > 1 && held[0].live === 0); ) {
      const gone = Math.min(left, held[0].live);
      held[0].live -= gone;
      left -= gone;
      // What is read on is held, whatever of it is in the index: the place to go on from is behind it.
      if (held[0].live === 0 && held.length > 1) held.shift();
    }
  }

  takeRejects(): RejectedRow[] {
    const { rejects } = this;
    this.rejects = [];
    return rejects;
  }

  close(): Promise<void> {
    return this.stream.close();
  }

  /** @returns false when the stream has ended */
  private async fill(): Promise<boolean> {
    while (!this.run || this.at === this.run.rows) {
      const run = await this.stream.next();
      if (!run) return false;
      this.run = run;
      this.at = 0;
      this.hold(run);
    }
    return true;
  }

  private hold({ place, rejects }: ClickRun): void {
    let last = this.held.at(-1);
    if (last?.place !== place) {
      last = { place, newest: this.newest, clicks: 0, rejects: 0, live: 0 };
      this.held.push(last);
    }
    last.rejects += rejects.length;
    const again = Math.min(this.told, rejects.length);
    this.told -= again;
    this.rejects.push(...rejects.slice(again));
  }

  private read(take: TakeClick): void {
    const { at } = this;
    const { ids, times } = this.run!;
    const time = times[at];
    const late = time < this.newest - this.lateness;
    if (time > this.newest) this.newest = time;
    const last = this.held.at(-1)!;
    last.clicks++;
    if (!late) last.live++;
    take(ids[2 * at], ids[2 * at + 1], time, late);
    this.at++;
  }
}
