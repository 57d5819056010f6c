/** How long the shortest delay counts, in ms, and at most twice as long: a clock that was set is followed after that. */
const PERIOD_MS = 300_000;

/** In ms: a clock that is set by less makes little difference to what counts as stale. */
const SMALL_STEP_MS = 10_000;

/** Entries of a period: the shortest time between an entry's being sent, by its writer's clock, and its arrival, by this one's. */
interface Period {
  readonly since: number;
  least: number;
}

/**
 * How far this machine's clock is ahead of a writer's. An entry cannot arrive before it is sent, so the shortest delay of recent
 * entries, each seen as soon as it was in the log, is that difference and the time of transport. An entry is sent after the one
 * before it, so it cannot be later than that one was and the time between their arrivals: if it seems so, a clock was set.
 */
export class ClockSkew {
  private before: Period | null = null;
  private recent: Period | null = null;
  private last = { delay: Number.POSITIVE_INFINITY, at: 0 };

  /**
   * @param delay ms from sending to arrival, by the two clocks
   * @param at when it arrived, in ms by a monotonic clock
   */
  add(delay: number, at: number): void {
    const step = delay - this.last.delay - (at - this.last.at);
    if (step > SMALL_STEP_MS) for (const period of [this.before, this.recent]) if (period) period.least += step;
    this.last = { delay, at };
    if (this.recent && at - this.recent.since < PERIOD_MS) this.recent.least = Math.min(this.recent.least, delay);
    else [this.before, this.recent] = [this.recent, { since: at, least: delay }];
  }

  /** In ms, at least 0: a clock that is behind makes nothing look old. 0 before the first entry. */
  get ahead(): number {
    const least = Math.min(...[this.before, this.recent].flatMap((period) => (period ? [period.least] : [])));
    return Number.isFinite(least) ? Math.max(0, least) : 0;
  }
}
