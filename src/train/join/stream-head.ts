import type { RejectedRow } from "../rejects.js";
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
  /** Clicks read before that place. */
  readonly before: number;
  /** Times that the stream was taken to have told, each after so many clicks from that place on; absent: none. */
  readonly marks?: readonly Mark[];
}

interface Mark {
  readonly clicks: number;
  readonly time: number;
}

/** What is done with a click: halves of its id's hash, its time, whether it is late, and its texts where they are kept. */
export type TakeClick = (low: number, high: number, time: number, late: boolean, texts?: readonly string[]) => void;

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
  private marks: Mark[];
  /** Clicks read before what is held, and of what is held; and rows refused among these. */
  private before: number;
  private clicks = 0;
  private refused = 0;
  private ended = false;
  private rejects: RejectedRow[] = [];
  /** Rows that were refused before the checkpoint, and are not to be told again. */
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

  /** Opens a stream where a checkpoint was taken; null: at its beginning. */
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

  /** Clicks read, of all lives. */
  get read(): number {
    return this.before + this.clicks;
  }

  /** The newest time told; Infinity when there is nothing more. */
  get told(): number {
    return this.ended ? Number.POSITIVE_INFINITY : this.newest;
  }

  /**
   * Reads on until the clicks in time that are still to come are newer than `time`, or there are no more.
   * @returns false when the stream is quiet before that
   */
  async readUntil(time: number, take: TakeClick): Promise<boolean> {
    while (this.told - this.lateness <= time) {
      if (!(await this.fill())) return this.ended;
      while (this.at < this.run!.rows && this.newest - this.lateness <= time) this.take(take);
    }
    return true;
  }

  /** Reads again what had been read when the checkpoint was taken, or on to where a mark was made. */
  async readTo(clicks: number, take: TakeClick): Promise<void> {
    this.followMarks();
    while (this.read < clicks && (await this.filled())) {
      this.take(take);
      this.followMarks();
    }
  }

  /** The stream is taken to have told a time. */
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
      // What is read on is held, whatever of it is in the index: the place to go on from is behind it.
      if (held[0].live === 0 && held.length > 1) this.drop();
    }
  }

  private drop(): void {
    const { clicks, rejects } = this.held.shift()!;
    this.before += clicks;
    this.clicks -= clicks;
    this.refused -= rejects;
    // What was marked before is in the next run's `newest`.
    this.marks = this.marks
      .map((mark) => ({ ...mark, clicks: mark.clicks - clicks }))
      .filter((mark) => mark.clicks > 0);
  }

  takeRejects(): RejectedRow[] {
    const { rejects } = this;
    this.rejects = [];
    return rejects;
  }

  /** Marks that were made before the checkpoint, when as many clicks have been read as then. */
  private followMarks(): void {
    const { clicks } = this;
    for (const mark of this.marks) if (mark.clicks === clicks) this.newest = Math.max(this.newest, mark.time);
  }

  /** As `fill`, and waits: the clicks were there before. */
  private async filled(): Promise<boolean> {
    while (!(await this.fill())) if (this.ended) return false;
    return true;
  }

  /** @returns false when nothing has come, or the stream has ended */
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
