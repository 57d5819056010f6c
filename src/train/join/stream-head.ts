import type { RejectedRow } from "../rejects/rejects.js";
import type { ClickPlace, ClickRun, ClickSource, ClickStream } from "./click-stream.js";

/** How far a stream of clicks was read. Plain JSON. */
export interface StreamHeadState {
  /** Before the oldest run with a click in the index; null: nothing was read. */
  readonly place: ClickPlace | null;
  /** The time of the newest click before that place; null if there is none. */
  readonly newest: number | null;
  /** Clicks read from that place on, and rows rejected among them. */
  readonly clicks: number;
  readonly rejects: number;
  /** Clicks read before that place. */
  readonly before: number;
  /**
   * Times that the stream was assumed to have reached, each after a number of clicks from that place on; absent: none.
   */
  readonly marks?: readonly Mark[];
}

interface Mark {
  readonly clicks: number;
  readonly time: number;
}

/** Receives a click: halves of its id's hash, its time, whether it is late, and its texts if they are kept. */
export type TakeClick = (low: number, high: number, time: number, late: boolean, texts?: readonly string[]) => void;

/** A run of clicks of which some may be in the index. */
interface Held {
  readonly place: ClickPlace;
  readonly newest: number;
  clicks: number;
  rejects: number;
  /** Its clicks that are in the index. */
  live: number;
}

/** The reading end of a stream of clicks. */
export class StreamHead {
  private readonly stream: ClickStream;
  private readonly lateness: number;
  private readonly from: StreamHeadState | null;
  /** The current run, and the next click in it. */
  private run: ClickRun | null = null;
  private at = 0;
  private newest: number;
  private readonly held: Held[] = [];
  private marks: Mark[];
  /** Clicks read before the held runs, and in them; and rows rejected in these. */
  private before: number;
  private clicks = 0;
  private refused = 0;
  private ended = false;
  private rejects: RejectedRow[] = [];
  /** Rows that were rejected before the checkpoint, not to be reported again. */
  private known: number;

  private constructor(stream: ClickStream, lateness: number, from: StreamHeadState | null) {
    this.stream = stream;
    this.lateness = lateness;
    this.from = from;
    this.newest = from?.newest ?? Number.NEGATIVE_INFINITY;
    this.known = from?.rejects ?? 0;
    this.marks = [...(from?.marks ?? [])];
    this.before = from?.before ?? 0;
  }

  /** Opens a stream at a checkpoint's state; null: at its beginning. */
  static async open(source: ClickSource, index: number, lateness: number, from: StreamHeadState | null) {
    return new StreamHead(await source.open(index, from?.place ?? null), lateness, from);
  }

  get state(): StreamHeadState {
    const { held, from, before, marks } = this;
    const [first] = held;
    const newest = first?.newest ?? from?.newest ?? Number.NEGATIVE_INFINITY;
    return {
      place: first?.place ?? this.stream.start,
      newest: Number.isFinite(newest) ? newest : null,
      clicks: this.clicks,
      rejects: this.refused,
      before,
      ...(marks.length > 0 && { marks }),
    };
  }

  /** Clicks read, by all processes of the run. */
  get read(): number {
    return this.before + this.clicks;
  }

  /** The newest time reached; Infinity when there is nothing more. */
  get reached(): number {
    return this.ended ? Number.POSITIVE_INFINITY : this.newest;
  }

  /**
   * Reads until all clicks to come that are in time must be newer than `time`, or there are no more.
   * @returns false if the stream becomes quiet before that
   */
  async readUntil(time: number, take: TakeClick): Promise<boolean> {
    while (this.reached - this.lateness <= time) {
      if (!(await this.fill())) return this.ended;
      while (this.at < this.run!.rows && this.newest - this.lateness <= time) this.take(take);
    }
    return true;
  }

  /** Reads again what had been read when the checkpoint was taken, or up to a mark. */
  async readTo(clicks: number, take: TakeClick): Promise<void> {
    this.followMarks();
    while (this.read < clicks && (await this.filled())) {
      this.take(take);
      this.followMarks();
    }
  }

  /** Assumes that the stream has reached a time. */
  mark(time: number): void {
    this.newest = Math.max(this.newest, time);
    this.marks.push({ clicks: this.clicks, time });
  }

  /** The oldest `count` clicks have left the index. */
  forget(count: number): void {
    const { held } = this;
    for (let left = count; left > 0 || (held.length > 1 && held[0].live === 0); ) {
      const gone = Math.min(left, held[0].live);
      held[0].live -= gone;
      left -= gone;
      // The current run is held even if none of it is in the index: reading continues after it.
      if (held[0].live === 0 && held.length > 1) this.drop();
    }
  }

  private drop(): void {
    const { clicks, rejects } = this.held.shift()!;
    this.before += clicks;
    this.clicks -= clicks;
    this.refused -= rejects;
    // Earlier marks are included in the next run's `newest`.
    this.marks = this.marks
      .map((mark) => ({ ...mark, clicks: mark.clicks - clicks }))
      .filter((mark) => mark.clicks > 0);
  }

  takeRejects(): RejectedRow[] {
    const { rejects } = this;
    this.rejects = [];
    return rejects;
  }

  /** Repeats marks made before the checkpoint, once as many clicks have been read as then. */
  private followMarks(): void {
    const { clicks } = this;
    for (const mark of this.marks) if (mark.clicks === clicks) this.newest = Math.max(this.newest, mark.time);
  }

  /** As `fill`, but waits: the clicks are known to exist. */
  private async filled(): Promise<boolean> {
    while (!(await this.fill())) if (this.ended) return false;
    return true;
  }

  /** @returns false if nothing has come, or the stream has ended */
  private async fill(): Promise<boolean> {
    while (!this.run || this.at === this.run.rows) {
      const run = await this.stream.next();
      if (run === "end") this.ended = true;
      if (run === "end" || run === "quiet") return false;
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
    this.refused += rejects.length;
    const again = Math.min(this.known, rejects.length);
    this.known -= again;
    this.rejects.push(...rejects.slice(again));
  }

  private take(take: TakeClick): void {
    const { at } = this;
    const { ids, times, texts, others } = this.run!;
    const time = times[at];
    const late = time < this.newest - this.lateness;
    if (time > this.newest) this.newest = time;
    const last = this.held.at(-1)!;
    last.clicks++;
    this.clicks++;
    const isClick = !others?.[at];
    if (isClick && !late) last.live++;
    if (isClick) take(ids[2 * at], ids[2 * at + 1], time, late, texts?.[at]);
    this.at++;
  }
}
